// Drives what came after OAuth 2.0's core by oauth4webapi: pushed and signed
// requests, proofs of possession, devices, exchange.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as oauth from 'oauth4webapi';
import * as jose from 'jose';
import { serve } from '../serve.mjs';
import { visitor } from '../visitor.mjs';

const insecure = { [oauth.allowInsecureRequests]: true };
const callback = 'http://127.0.0.1:5999/callback';
const device = 'urn:ietf:params:oauth:grant-type:device_code';
const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
let server, as, secret, keys;

before(async () => {
  server = await serve('--demo', '--set', 'sluice.oauth.dpop-nonces=true');
  const base = { redirect_uris: [callback], scope: 'openid read', grant_types: ['authorization_code', 'refresh_token'] };
  secret = server.client({ ...base, client_id: 'web', token_endpoint_auth_method: 'client_secret_basic', grant_types: ['authorization_code', 'client_credentials', exchange], introspect: true,
    require_pushed_authorization_requests: true });
  server.client({ ...base, client_id: 'hybrid', token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'implicit'] });
  server.client({ ...base, client_id: 'spa', token_endpoint_auth_method: 'none', dpop_bound_access_tokens: true });
  server.client({ ...base, client_id: 'tv', token_endpoint_auth_method: 'none', grant_types: [device, 'refresh_token'] });
  keys = await oauth.generateKeyPair('ES256', { extractable: true });
  server.client({ ...base, client_id: 'signed', token_endpoint_auth_method: 'private_key_jwt', require_signed_request_object: true,
    jwks: { keys: [{ ...(await jose.exportJWK(keys.publicKey)), kid: 'k1', use: 'sig' }] } });
  const issuer = new URL(server.url);
  as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
});
after(() => server?.stop());

async function request(client, more = {}) {
  const verifier = oauth.generateRandomCodeVerifier();
  return { verifier, query: { client_id: client.client_id, redirect_uri: callback, response_type: 'code', scope: 'openid read', state: 's', nonce: 'n',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...more } };
}

const visit = async (client, query) => {
  const address = new URL(as.authorization_endpoint);
  address.search = new URLSearchParams(query);
  return oauth.validateAuthResponse(as, client, await visitor(server)(address), 's');
};

// twice repeats a call whose proof lacked the server's nonce (RFC 9449 §8).
async function twice(call, process) {
  try { return await process(await call()); } catch (e) {
    if (!oauth.isDPoPNonceError(e)) throw e;
    return process(await call());
  }
}

test('pushed authorization requests (RFC 9126)', async () => {
  const client = { client_id: 'web' }, auth = oauth.ClientSecretBasic(secret);
  const { verifier, query } = await request(client);
  const pushed = await oauth.processPushedAuthorizationResponse(as, client, await oauth.pushedAuthorizationRequest(as, client, auth, query, insecure));
  assert.match(pushed.request_uri, /^urn:ietf:params:oauth:request_uri:/);
  assert.ok(pushed.expires_in > 0 && pushed.expires_in <= 600);
  const parameters = await visit(client, { client_id: 'web', request_uri: pushed.request_uri });
  const answer = await oauth.processAuthorizationCodeResponse(as, client,
    await oauth.authorizationCodeGrantRequest(as, client, auth, parameters, callback, verifier, insecure), { expectedNonce: 'n', requireIdToken: true });
  assert.equal(oauth.getValidatedIdTokenClaims(answer).sub, '1001');
  await assert.rejects(visit(client, query), 'a request that was not pushed is taken'); // the client requires it
});

test('signed request objects (RFC 9101) with private_key_jwt', async () => {
  const client = { client_id: 'signed' }, key = { key: keys.privateKey, kid: 'k1' };
  const { verifier, query } = await request(client);
  const object = await oauth.issueRequestObject(as, client, query, key);
  const parameters = await visit(client, { client_id: 'signed', request: object });
  const answer = await oauth.processAuthorizationCodeResponse(as, client,
    await oauth.authorizationCodeGrantRequest(as, client, oauth.PrivateKeyJwt(key), parameters, callback, verifier, insecure), { expectedNonce: 'n', requireIdToken: true });
  assert.equal(answer.scope, 'openid read');
  await assert.rejects(visit(client, query), (e) => e instanceof oauth.AuthorizationResponseError && e.error.startsWith('invalid_request'));
});

test('DPoP with nonces (RFC 9449): code, userinfo, refresh', async () => {
  const client = { client_id: 'spa' };
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'));
  const options = { ...insecure, DPoP };
  const { verifier, query } = await request(client, { dpop_jkt: await DPoP.calculateThumbprint() });
  const parameters = await visit(client, query);
  const answer = await twice(() => oauth.authorizationCodeGrantRequest(as, client, oauth.None(), parameters, callback, verifier, options),
    (r) => oauth.processAuthorizationCodeResponse(as, client, r, { expectedNonce: 'n' }));
  assert.equal(answer.token_type, 'dpop');
  const info = await twice(() => oauth.userInfoRequest(as, client, answer.access_token, options), (r) => oauth.processUserInfoResponse(as, client, '1001', r));
  assert.equal(info.sub, '1001');
  const facts = await oauth.processIntrospectionResponse(as, { client_id: 'web' }, await oauth.introspectionRequest(as, { client_id: 'web' }, oauth.ClientSecretBasic(secret), answer.access_token, insecure));
  assert.equal(facts.cnf.jkt, await DPoP.calculateThumbprint());
  assert.equal(facts.token_type, 'DPoP');

  const bare = await fetch(as.userinfo_endpoint, { headers: { Authorization: `Bearer ${answer.access_token}` } });
  assert.equal(bare.status, 401); // stolen, without the key
  const thief = oauth.DPoP(client, await oauth.generateKeyPair('ES256'));
  await assert.rejects(twice(() => oauth.refreshTokenGrantRequest(as, client, oauth.None(), answer.refresh_token, { ...insecure, DPoP: thief }),
    (r) => oauth.processRefreshTokenResponse(as, client, r)), (e) => ['invalid_grant', 'invalid_dpop_proof'].includes(e.error));
  const next = await twice(() => oauth.refreshTokenGrantRequest(as, client, oauth.None(), answer.refresh_token, options), (r) => oauth.processRefreshTokenResponse(as, client, r));
  assert.equal(next.token_type, 'dpop');
});

test('a device (RFC 8628)', async () => {
  const client = { client_id: 'tv' };
  const begun = await oauth.processDeviceAuthorizationResponse(as, client, await oauth.deviceAuthorizationRequest(as, client, oauth.None(), { scope: 'openid read' }, insecure));
  assert.ok(begun.verification_uri.startsWith(server.url));
  const poll = () => oauth.deviceCodeGrantRequest(as, client, oauth.None(), begun.device_code, insecure);
  await assert.rejects(async () => oauth.processDeviceCodeResponse(as, client, await poll()), (e) => e.error === 'authorization_pending');
  const page = await visitor(server)(begun.verification_uri_complete);
  assert.match(page, /<h1/);
  await new Promise((r) => setTimeout(r, (begun.interval ?? 5) * 1000)); // the protocol's own pause between two polls
  const answer = await oauth.processDeviceCodeResponse(as, client, await poll());
  assert.equal(oauth.getValidatedIdTokenClaims(answer).sub, '1001');
  assert.equal(answer.scope, 'openid read');
  await assert.rejects(async () => oauth.processDeviceCodeResponse(as, client, await poll()), (e) => ['invalid_grant', 'slow_down'].includes(e.error));
});

test('token exchange (RFC 8693)', async () => {
  const client = { client_id: 'web' }, auth = oauth.ClientSecretBasic(secret);
  const { verifier, query } = await request(client);
  const pushed = await oauth.processPushedAuthorizationResponse(as, client, await oauth.pushedAuthorizationRequest(as, client, auth, query, insecure));
  const parameters = await visit(client, { client_id: 'web', request_uri: pushed.request_uri });
  const answer = await oauth.processAuthorizationCodeResponse(as, client,
    await oauth.authorizationCodeGrantRequest(as, client, auth, parameters, callback, verifier, insecure), { expectedNonce: 'n' });
  const narrow = await oauth.processGenericTokenEndpointResponse(as, client, await oauth.genericTokenEndpointRequest(as, client, auth, exchange,
    { subject_token: answer.access_token, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token', scope: 'read' }, insecure));
  assert.equal(narrow.scope, 'read');
  assert.equal(narrow.issued_token_type, 'urn:ietf:params:oauth:token-type:access_token');
  const wide = await oauth.genericTokenEndpointRequest(as, client, auth, exchange,
    { subject_token: narrow.access_token, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token', scope: 'openid read' }, insecure);
  await assert.rejects(oauth.processGenericTokenEndpointResponse(as, client, wide), (e) => e.error === 'invalid_scope');
});

test('hybrid: code id_token (OpenID Connect Core §3.3)', async () => {
  const client = { client_id: 'hybrid' };
  const { verifier, query } = await request(client, { response_type: 'code id_token', max_age: '600' });
  const address = new URL(as.authorization_endpoint);
  address.search = new URLSearchParams(query);
  const away = await visitor(server)(address);
  assert.equal(away.search, '');
  const check = (url, nonce = 'n', state = 's') => oauth.validateCodeIdTokenResponse(as, client, url, nonce, state, 600, insecure);
  const other = new URL(away.href.replace('slc_ac_', 'slc_ac_x'));
  await assert.rejects(check(other), /c_hash/);
  await assert.rejects(check(away, 'm'), /nonce/);
  await assert.rejects(check(away, 'n', 't'), /state/);
  const parameters = await check(away);
  const answer = await oauth.processAuthorizationCodeResponse(as, client,
    await oauth.authorizationCodeGrantRequest(as, client, oauth.None(), parameters, callback, verifier, insecure), { expectedNonce: 'n', maxAge: 600, requireIdToken: true });
  assert.equal(oauth.getValidatedIdTokenClaims(answer).sub, '1001');
  assert.equal(answer.refresh_token, undefined); // the client has no such grant
});
