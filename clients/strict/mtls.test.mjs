// Drives RFC 8705 by oauth4webapi over real TLS: the binary ends it itself, and the
// client's connections carry a certificate.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as oauth from 'oauth4webapi';
import { Agent, fetch as fetchBy } from 'undici';
import { serve } from '../serve.mjs';
import { visitor } from '../visitor.mjs';

const callback = 'http://127.0.0.1:5999/callback';
const home = mkdtempSync(join(tmpdir(), 'sluice-mtls-'));
const agents = [], wallets = {};
let server, plain, as, secret;

const openssl = (...args) => execFileSync('openssl', args, { cwd: home, stdio: ['ignore', 'pipe', 'pipe'] });
const pem = (name) => readFileSync(join(home, name), 'utf8');

// certify makes a key and a certificate, signed by ca or by itself.
function certify(name, subject, extensions, ca) {
  writeFileSync(join(home, `${name}.ext`), `[x]\n${extensions}\n`);
  openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
  const signer = ca ? ['-CA', `${ca}.crt`, '-CAkey', `${ca}.key`, '-CAcreateserial'] : ['-signkey', `${name}.key`];
  openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.crt`, '-days', '2', '-extfile', `${name}.ext`, '-extensions', 'x', ...signer);
}

// wallet returns a fetch whose connections show a certificate; without a name, none.
function wallet(name) {
  if (wallets[name]) return wallets[name];
  const dispatcher = new Agent({ connect: { ca: pem('server.crt'), ...(name ? { cert: pem(`${name}.crt`), key: pem(`${name}.key`) } : {}) } });
  agents.push(dispatcher);
  return (wallets[name] = (url, options) => fetchBy(url, { ...options, dispatcher }));
}
const by = (name) => ({ [oauth.customFetch]: wallet(name) });
const thumbprint = (name) => createHash('sha256').update(new X509Certificate(pem(`${name}.crt`)).raw).digest('base64url');

before(async () => {
  const forClients = 'extendedKeyUsage=clientAuth';
  certify('server', '/CN=localhost', 'subjectAltName=DNS:localhost\nbasicConstraints=critical,CA:TRUE\nextendedKeyUsage=serverAuth');
  for (const ca of ['ca', 'otherca']) certify(ca, '/CN=Client authority', 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign');
  certify('named', '/O=Example/CN=app', `subjectAltName=DNS:app.example.com\n${forClients}`, 'ca');
  certify('neighbour', '/O=Example/CN=app2', `subjectAltName=DNS:app2.example.com\n${forClients}`, 'ca');
  certify('imitated', '/O=Example/CN=app', `subjectAltName=DNS:app.example.com\n${forClients}`, 'otherca');
  certify('self', '/CN=self', forClients);
  certify('twin', '/CN=self', forClients);
  server = await serve({ scheme: 'https', fetch: wallet('') }, '--demo', '--set', 'sluice.issuer=https://localhost:{port}',
    '--set', `sluice.tls.certificate=${join(home, 'server.crt')}`, '--set', `sluice.tls.key=${join(home, 'server.key')}`,
    '--set', 'sluice.tls.client-certificates=true', '--set', `sluice.tls.client-ca=${join(home, 'ca.crt')}`);
  const base = { redirect_uris: [callback], scope: 'openid read', grant_types: ['authorization_code', 'refresh_token', 'client_credentials'] };
  const jwk = { ...new X509Certificate(pem('self.crt')).publicKey.export({ format: 'jwk' }), x5c: [new X509Certificate(pem('self.crt')).raw.toString('base64')] };
  server.client({ ...base, client_id: 'named', token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_san_dns: 'app.example.com', tls_client_certificate_bound_access_tokens: true });
  server.client({ ...base, client_id: 'self', token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks: { keys: [jwk] }, tls_client_certificate_bound_access_tokens: true, token_format: 'jwt' });
  server.client({ ...base, client_id: 'public', token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'], tls_client_certificate_bound_access_tokens: true });
  secret = server.client({ ...base, client_id: 'watcher', introspect: true });
  const issuer = new URL(server.url);
  as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, by('')));
});
after(async () => {
  await Promise.all(agents.map((a) => a.close()));
  await server?.stop();
  rmSync(home, { recursive: true, force: true });
});

const clientOf = (id) => ({ client_id: id, use_mtls_endpoint_aliases: true });
const own = async (id, certificate) => oauth.processClientCredentialsResponse(as, clientOf(id),
  await oauth.clientCredentialsGrantRequest(as, clientOf(id), oauth.TlsClientAuth(), { scope: 'read' }, by(certificate)));
const unproved = (e) => e.error === 'invalid_client' && e.status === 401;

// profile asks the API with a token over a connection with a certificate.
const profile = (token, certificate) => wallet(certificate)(server.url + '/activiti-app/api/enterprise/profile', { headers: { authorization: `Bearer ${token}` } });

async function facts(token) {
  const watcher = { client_id: 'watcher' };
  return oauth.processIntrospectionResponse(as, watcher, await oauth.introspectionRequest(as, watcher, oauth.ClientSecretBasic(secret), token, by('')));
}

// signIn goes through the code flow; certificate is what the client shows.
async function signIn(id, auth, certificate) {
  const verifier = oauth.generateRandomCodeVerifier();
  const address = new URL(as.authorization_endpoint);
  address.search = new URLSearchParams({ client_id: id, redirect_uri: callback, response_type: 'code', scope: 'openid read', state: 's',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' });
  const parameters = oauth.validateAuthResponse(as, clientOf(id), await visitor(server)(address), 's');
  return oauth.processAuthorizationCodeResponse(as, clientOf(id),
    await oauth.authorizationCodeGrantRequest(as, clientOf(id), auth, parameters, callback, verifier, by(certificate)), { requireIdToken: true });
}
const refresh = async (id, auth, token, certificate) => oauth.processRefreshTokenResponse(as, clientOf(id),
  await oauth.refreshTokenGrantRequest(as, clientOf(id), auth, token, by(certificate)));

test('the metadata says that certificates are taken', () => {
  assert.equal(as.tls_client_certificate_bound_access_tokens, true);
  for (const method of ['tls_client_auth', 'self_signed_tls_client_auth']) assert.ok(as.token_endpoint_auth_methods_supported.includes(method), method);
});

test('tls_client_auth: a name in a certificate of the authority', async () => {
  const tokens = await own('named', 'named');
  assert.equal(tokens.scope, 'read');
  assert.deepEqual((await facts(tokens.access_token)).cnf, { 'x5t#S256': thumbprint('named') });
  for (const other of ['neighbour', 'imitated', 'self', '']) await assert.rejects(own('named', other), unproved, `proved by ${other || 'nothing'}`);
});

test('self_signed_tls_client_auth: the registered certificate', async () => {
  await own('self', 'self');
  for (const other of ['twin', 'named', '']) await assert.rejects(own('self', other), unproved, `proved by ${other || 'nothing'}`);
});

for (const [id, certificate] of [['named', 'named'], ['self', 'self'], ['public', 'self']]) {
  test(`${id}: a token is taken with its certificate alone`, async () => {
    const auth = id === 'public' ? oauth.None() : oauth.TlsClientAuth();
    const tokens = await signIn(id, auth, certificate);
    assert.equal(oauth.getValidatedIdTokenClaims(tokens).sub, '1001');
    assert.equal((await facts(tokens.access_token)).cnf['x5t#S256'], thumbprint(certificate));
    const other = certificate === 'self' ? 'twin' : 'neighbour';
    const answer = await profile(tokens.access_token, certificate);
    assert.equal(answer.status, 200);
    assert.equal((await answer.json()).email, 'kermit@example.com');
    for (const shown of [other, '']) {
      const refused = await profile(tokens.access_token, shown);
      assert.equal(refused.status, 401, `the API takes it with ${shown || 'no certificate'}`);
      assert.match(refused.headers.get('www-authenticate'), /error="invalid_token"/);
      const info = await oauth.userInfoRequest(as, clientOf(id), tokens.access_token, by(shown));
      assert.equal(info.status, 401);
    }
    const info = await oauth.processUserInfoResponse(as, clientOf(id), '1001', await oauth.userInfoRequest(as, clientOf(id), tokens.access_token, by(certificate)));
    assert.equal(info.sub, '1001');

    // A refresh token of a public client is bound as well (RFC 8705 §7.1).
    for (const shown of [other, '']) await assert.rejects(refresh(id, auth, tokens.refresh_token, shown), (e) => ['invalid_client', 'invalid_grant', 'invalid_request'].includes(e.error), `refreshed by ${shown || 'nothing'}`);
    const next = await refresh(id, auth, tokens.refresh_token, certificate);
    assert.equal((await profile(next.access_token, certificate)).status, 200);
    assert.equal((await profile(next.access_token, '')).status, 401);
  });
}

test('a code is redeemed by the certificate that the client is known by', async () => {
  await assert.rejects(signIn('named', oauth.TlsClientAuth(), 'neighbour'), unproved);
  await assert.rejects(signIn('public', oauth.None(), ''), (e) => e.error === 'invalid_request' || e.error === 'invalid_grant', 'a bound token without a certificate');
});
