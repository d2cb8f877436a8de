// Drives Sluice by openid-client, the certified relying party of Node.js.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as client from 'openid-client';
import { serve } from '../serve.mjs';
import { visitor } from '../visitor.mjs';

const callback = 'http://127.0.0.1:5999/callback';
let server, secret, initial;
before(async () => {
  server = await serve('--demo');
  const base = { redirect_uris: [callback], grant_types: ['authorization_code', 'refresh_token', 'client_credentials'], scope: 'openid profile email read' };
  secret = server.client({ ...base, client_id: 'web', introspect: true, post_logout_redirect_uris: [callback], token_endpoint_auth_method: 'client_secret_post' });
  server.client({ ...base, client_id: 'spa', token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'] });
  server.client({ ...base, client_id: 'implicit', token_endpoint_auth_method: 'none', grant_types: ['implicit'], response_types: ['id_token'] });
  initial = JSON.parse(server.sluice(['client', 'token', 'create', '--json'])).token;
});
after(() => server?.stop());

const discover = (id, metadata, auth) => client.discovery(new URL(server.url), id, metadata, auth, { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] });

async function signIn(config, extra = {}) {
  const verifier = client.randomPKCECodeVerifier(), state = client.randomState(), nonce = client.randomNonce();
  const address = client.buildAuthorizationUrl(config, { redirect_uri: callback, scope: 'openid profile email read', state, nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...extra });
  const away = await visitor(server)(address);
  return client.authorizationCodeGrant(config, away, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true,
    ...(extra.max_age === undefined ? {} : { maxAge: Number(extra.max_age) }) });
}

for (const id of ['web', 'spa']) {
  test(`${id}: code with PKCE, userinfo, refresh, introspection, revocation`, async () => {
    const config = await discover(id, {}, id === 'spa' ? client.None() : client.ClientSecretPost(secret));
    const tokens = await signIn(config, { max_age: '600' });
    const claims = tokens.claims();
    assert.equal(claims.sub, '1001');
    assert.equal(claims.email, 'kermit@example.com');
    assert.ok(Math.abs(claims.auth_time - Date.now() / 1000) < 60);
    assert.equal(tokens.expiresIn() > 3500, true);

    const info = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
    assert.equal(info.preferred_username, 'kermit@example.com');
    await assert.rejects(client.fetchUserInfo(config, tokens.access_token, 'somebody else'), /unexpected/);

    const next = await client.refreshTokenGrant(config, tokens.refresh_token, { scope: 'openid read' });
    assert.equal(next.scope, 'openid read');
    const back = await client.fetchProtectedResource(config, next.access_token, new URL(server.url + '/activiti-app/api/enterprise/profile'), 'GET');
    assert.equal((await back.json()).email, 'kermit@example.com');

    if (id === 'web') {
      const facts = await client.tokenIntrospection(config, next.access_token);
      assert.equal(facts.active, true);
      assert.equal(facts.username, 'kermit@example.com');
    }
    await client.tokenRevocation(config, next.refresh_token);
    if (id === 'web') assert.equal((await client.tokenIntrospection(config, next.access_token)).active, false);
    await assert.rejects(client.refreshTokenGrant(config, next.refresh_token), (e) => e.error === 'invalid_grant');
  });
}

test('client credentials', async () => {
  const config = await discover('web', {}, client.ClientSecretPost(secret));
  const tokens = await client.clientCredentialsGrant(config, { scope: 'read' });
  assert.equal(tokens.scope, 'read');
  assert.equal(tokens.token_type, 'bearer');
});

test('an id_token by form_post', async () => {
  const config = await discover('implicit', {}, client.None());
  client.useIdTokenResponseType(config);
  const nonce = client.randomNonce(), state = client.randomState();
  const address = client.buildAuthorizationUrl(config, { redirect_uri: callback, scope: 'openid', nonce, state, response_mode: 'form_post' });
  const away = await visitor(server)(address);
  const request = new Request(callback, { method: 'POST', body: new URLSearchParams(away.form) });
  const claims = await client.implicitAuthentication(config, request, nonce, { expectedState: state });
  assert.equal(claims.sub, '1001');
});

test('registration', async () => {
  const config = await client.dynamicClientRegistration(new URL(server.url), { redirect_uris: [callback], client_name: 'Self-made', token_endpoint_auth_method: 'client_secret_post' },
    undefined, { execute: [client.allowInsecureRequests], initialAccessToken: initial });
  const metadata = config.clientMetadata();
  assert.equal(metadata.client_name, 'Self-made');
  assert.match(metadata.client_secret, /^slc_cs_/);
});

test('the end of the session', async () => {
  const config = await discover('web', {}, client.ClientSecretPost(secret));
  const tokens = await signIn(config);
  const address = client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: callback, state: 's' });
  const away = await visitor(server)(address);
  assert.equal(String(away), callback + '?state=s');
});
