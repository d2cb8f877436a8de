// Sluice behind a foreign authorization server: by introspection, and by the
// published keys alone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serve } from '../serve.mjs';
import { newKey, opaqueAPI, signedAPI, start } from './provider.mjs';

const kermit = 'kermit@example.com'; // the demo's
const set = (settings) => Object.entries(settings).flatMap(([k, v]) => ['--set', `${k}=${v}`]);

const profile = async (server, token) => {
  const answer = await fetch(server.url + '/activiti-app/api/enterprise/profile', { headers: { authorization: `Bearer ${token}` } });
  const { email, id } = await answer.json();
  return { status: answer.status, email, id, challenge: answer.headers.get('www-authenticate'), retry: answer.headers.get('retry-after') };
};

// until asks again until the answer has that status, and fails after some seconds.
async function until(status, seconds, ask) {
  for (const end = Date.now() + seconds * 1000; ;) {
    const answer = await ask();
    if (answer.status === status) return answer;
    if (Date.now() > end) assert.fail(`still ${answer.status} after ${seconds} s, want ${status}`);
    await new Promise((r) => setTimeout(r, 200));
  }
}

// altered changes a JWT's payload and keeps its signature.
function altered(token, change) {
  const [head, payload, signature] = token.split('.');
  const claims = { ...JSON.parse(Buffer.from(payload, 'base64url')), ...change };
  return [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
}

test('introspection, revocation and trouble', async (t) => {
  const foreign = await start(newKey());
  t.after(() => foreign.stop());
  const server = await serve('--demo', ...set({
    'security.oauth2.client.checkToken': foreign.url + '/token/introspection', 'security.oauth2.client.dialect': 'rfc7662',
    'security.oauth2.client.clientId': 'rs', 'security.oauth2.client.clientSecret': 'rs secret', 'security.oauth2.audience': opaqueAPI,
  }));
  t.after(() => server.stop());

  const { access_token: token, scope } = await foreign.signIn(kermit, opaqueAPI, 'read');
  assert.equal(scope, 'read');
  assert.ok(!token.includes('.'), 'the token is opaque');
  for (let i = 0; i < 5; i++) {
    const { status, email, id } = await profile(server, token);
    assert.deepEqual({ status, email, id }, { status: 200, email: kermit, id: 1001 });
  }
  assert.equal(foreign.count('POST /token/introspection'), 1, 'one question for five calls');

  const refused = await profile(server, 'nonsense');
  assert.equal(refused.status, 401);
  assert.match(refused.challenge, /error="invalid_token"/);
  assert.equal((await profile(server, (await foreign.signIn(kermit, 'https://other.example.com', 'read')).access_token)).status, 401, 'for another service');
  assert.equal((await profile(server, (await foreign.signIn('nobody@example.com', opaqueAPI, 'read')).access_token)).status, 403, 'a user unknown here');
  const own = await foreign.post('/token', 'rs', { grant_type: 'client_credentials', resource: opaqueAPI, scope: 'read' });
  assert.equal(own.status, 200);
  assert.equal((await profile(server, (await own.json()).access_token)).status, 403, 'a token of a client, without a user');

  const { access_token: second } = await foreign.signIn(kermit, opaqueAPI, 'read');
  assert.equal((await foreign.post('/token/revocation', 'app', { token: second })).status, 200);
  assert.equal((await profile(server, second)).status, 401, 'revoked before it was seen');
  assert.equal((await foreign.post('/token/revocation', 'app', { token })).status, 200);
  // It was remembered; from 15 s on it is asked about anew, from 30 s on it is not used.
  await until(401, 40, () => profile(server, token));

  const { access_token: third } = await foreign.signIn(kermit, opaqueAPI, 'read');
  await foreign.stop();
  const down = await profile(server, third);
  assert.equal(down.status, 503, 'cannot know');
  assert.ok(Number(down.retry) >= 1);
  assert.equal(down.challenge, null);
  assert.ok(!server.log().includes(token) && !server.log().includes('rs secret'), 'the log holds no secret');
});

test('JWTs by published keys, and their rotation', async (t) => {
  const first = newKey();
  const foreign = await start(first);
  t.after(() => foreign.stop());
  const server = await serve('--demo', ...set({ 'security.oauth2.jwt.issuers': foreign.url, 'security.oauth2.jwt.audience': signedAPI }));
  t.after(() => server.stop());
  const token = async (user = kermit, resource = signedAPI) => (await foreign.signIn(user, resource, 'read')).access_token;
  const keyID = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[0], 'base64url')).kid;

  const old = await token();
  assert.equal(keyID(old), first.kid);
  assert.deepEqual((({ status, email }) => ({ status, email }))(await profile(server, old)), { status: 200, email: kermit });
  assert.equal((await profile(server, altered(old, { username: 'admin@example.com' }))).status, 401, 'altered');
  assert.equal((await profile(server, altered(old, { exp: 4000000000 }))).status, 401, 'prolonged');
  assert.equal((await profile(server, await token('nobody@example.com'))).status, 403, 'a user unknown here');
  assert.equal((await profile(server, await token(kermit, opaqueAPI))).status, 401, 'an opaque token, which nobody here vouches for');
  assert.equal(foreign.count('POST /token/introspection'), 0);
  assert.equal(foreign.count('GET /jwks'), 1, 'the keys are fetched once');

  const second = newKey();
  foreign.rotate(second, first);
  const fresh = await token();
  assert.equal(keyID(fresh), second.kid);
  const { email } = await until(200, 12, () => profile(server, fresh)); // at most one fetch in 10 s
  assert.equal(email, kermit);
  assert.equal((await profile(server, old)).status, 200, 'the old key is still published');
  assert.ok(foreign.count('GET /jwks') <= 3);

  // The keys cannot be had: what they signed goes on.
  const another = await token();
  await foreign.stop();
  assert.equal((await profile(server, another)).status, 200);
});
