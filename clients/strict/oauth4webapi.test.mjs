// Drives Sluice by oauth4webapi, which checks every answer against its
// specification and takes nothing that is merely close.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as oauth from 'oauth4webapi';
import * as jose from 'jose';
import { serve } from '../serve.mjs';
import { visitor } from '../visitor.mjs';

const insecure = { [oauth.allowInsecureRequests]: true }; // http, to this machine
const callback = 'http://127.0.0.1:5999/callback';
const everything = ['authorization_code', 'refresh_token', 'client_credentials'];
let server, as, initial;
const secrets = {}, keys = {};

before(async () => {
  server = await serve('--demo');
  const base = { redirect_uris: [callback], grant_types: everything, scope: 'openid profile email read', introspect: true };
  for (const method of ['client_secret_basic', 'client_secret_post']) {
    secrets[method] = server.client({ ...base, client_id: method, token_endpoint_auth_method: method });
  }
  server.client({ ...base, client_id: 'public', token_endpoint_auth_method: 'none', grant_types: everything.slice(0, 2), introspect: false, token_format: 'jwt' });
  keys.es = await oauth.generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await jose.exportJWK(keys.es.publicKey)), kid: 'k1', use: 'sig' };
  server.client({ ...base, client_id: 'by-key', token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] },
    id_token_signed_response_alg: 'ES256', introspection_signed_response_alg: 'ES256', token_format: 'jwt' });
  initial = JSON.parse(server.sluice(['client', 'token', 'create', '--uses', '3', '--json'])).token;
  const issuer = new URL(server.url);
  as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
});
after(() => server?.stop());

const proofOf = (id) => {
  if (id === 'public') return oauth.None();
  if (id === 'by-key') return oauth.PrivateKeyJwt({ key: keys.es.privateKey, kid: 'k1' });
  return { client_secret_basic: oauth.ClientSecretBasic, client_secret_post: oauth.ClientSecretPost }[id](secrets[id]);
};

// signIn goes through the code flow and returns the checked token answer.
async function signIn(client, options = {}) {
  const verifier = oauth.generateRandomCodeVerifier(), state = oauth.generateRandomState(), nonce = oauth.generateRandomNonce();
  const address = new URL(as.authorization_endpoint);
  let query = { client_id: client.client_id, redirect_uri: callback, response_type: 'code', scope: 'openid profile email read', state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...options.query };
  if (options.change) query = await options.change(query);
  address.search = new URLSearchParams(query);
  const away = await visitor(server)(address);
  const parameters = oauth.validateAuthResponse(as, client, away, state);
  const grant = () => oauth.authorizationCodeGrantRequest(as, client, proofOf(client.client_id), parameters, callback, verifier, { ...insecure, ...options.token });
  let response = await grant();
  const process = () => oauth.processAuthorizationCodeResponse(as, client, response, { expectedNonce: nonce, requireIdToken: true });
  let answer;
  try { answer = await process(); } catch (e) {
    if (!options.token?.DPoP || !oauth.isDPoPNonceError(e)) throw e;
    response = await grant();
    answer = await process();
  }
  await oauth.validateApplicationLevelSignature(as, response, insecure);
  return { answer, parameters, verifier };
}

test('both metadata documents', async () => {
  const issuer = new URL(server.url);
  const other = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' }));
  assert.deepEqual(other, as);
  assert.deepEqual(as.code_challenge_methods_supported, ['S256']);
  assert.equal(as.authorization_response_iss_parameter_supported, true);
});

for (const id of ['client_secret_basic', 'client_secret_post', 'public', 'by-key']) {
  test(`${id}: code with PKCE, userinfo, refresh, introspection, revocation`, async () => {
    const client = { client_id: id, ...(id === 'by-key' ? { id_token_signed_response_alg: 'ES256', introspection_signed_response_alg: 'ES256' } : {}) };
    const { answer } = await signIn(client);
    const claims = oauth.getValidatedIdTokenClaims(answer);
    assert.equal(claims.sub, '1001');
    assert.equal(claims.preferred_username, 'kermit@example.com');
    assert.equal(answer.scope, 'openid profile email read');

    const info = await oauth.processUserInfoResponse(as, client, claims.sub, await oauth.userInfoRequest(as, client, answer.access_token, insecure));
    assert.equal(info.email, 'kermit@example.com');

    const refreshed = await oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, proofOf(id), answer.refresh_token, insecure));
    assert.notEqual(refreshed.access_token, answer.access_token);
    assert.notEqual(refreshed.refresh_token, answer.refresh_token);
    assert.equal(oauth.getValidatedIdTokenClaims(refreshed).sub, '1001');

    if (id === 'by-key' || id === 'public') {
      const request = new Request('http://api.example.com', { headers: { authorization: `Bearer ${refreshed.access_token}` } });
      const said = await oauth.validateJwtAccessToken(as, request, server.url + '/activiti-app', insecure);
      assert.equal(said.client_id, id);
      assert.equal(said.scope, 'openid profile email read');
    }
    if (id !== 'public') {
      for (const requestJwtResponse of [false, true]) {
        const response = await oauth.introspectionRequest(as, client, proofOf(id), refreshed.access_token, { ...insecure, requestJwtResponse });
        const facts = await oauth.processIntrospectionResponse(as, client, response);
        if (requestJwtResponse) await oauth.validateApplicationLevelSignature(as, response, insecure);
        assert.equal(facts.active, true);
        assert.equal(facts.username, 'kermit@example.com');
        assert.equal(facts.client_id, id);
      }
    }
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, proofOf(id), refreshed.refresh_token, insecure));
    const dead = await oauth.refreshTokenGrantRequest(as, client, proofOf(id), refreshed.refresh_token, insecure);
    await assert.rejects(oauth.processRefreshTokenResponse(as, client, dead), (e) => e instanceof oauth.ResponseBodyError && e.error === 'invalid_grant' && e.status === 400);
    if (id !== 'public') {
      const facts = await oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, proofOf(id), refreshed.access_token, insecure));
      assert.deepEqual(facts, { active: false });
      const own = await oauth.processClientCredentialsResponse(as, client, await oauth.clientCredentialsGrantRequest(as, client, proofOf(id), { scope: 'read' }, insecure));
      assert.equal(own.scope, 'read');
      assert.equal(own.refresh_token, undefined);
    }
  });
}

test('a refusal at the authorization endpoint names the issuer (RFC 9207)', async () => {
  const client = { client_id: 'public' };
  const address = new URL(as.authorization_endpoint);
  address.search = new URLSearchParams({ client_id: 'public', redirect_uri: callback, response_type: 'code', scope: 'openid', state: 'x', prompt: 'none',
    code_challenge: await oauth.calculatePKCECodeChallenge(oauth.generateRandomCodeVerifier()), code_challenge_method: 'S256' });
  const away = await visitor(server)(address);
  assert.equal(away.searchParams.get('iss'), server.url);
  assert.throws(() => oauth.validateAuthResponse(as, client, away, 'x'), (e) => e instanceof oauth.AuthorizationResponseError && e.error === 'login_required');
});

test('a code is redeemed once, and its tokens end with the second try', async () => {
  const client = { client_id: 'client_secret_basic' };
  const { answer, parameters, verifier } = await signIn(client);
  const again = await oauth.authorizationCodeGrantRequest(as, client, proofOf(client.client_id), parameters, callback, verifier, insecure);
  await assert.rejects(oauth.processAuthorizationCodeResponse(as, client, again), (e) => e.error === 'invalid_grant');
  const facts = await oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, proofOf(client.client_id), answer.access_token, insecure));
  assert.equal(facts.active, false);
});

test('a client registers itself and signs a user in', async () => {
  const metadata = { client_name: 'Self-made', redirect_uris: [callback], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_post', scope: 'openid email' };
  const response = await oauth.dynamicClientRegistrationRequest(as, metadata, { ...insecure, initialAccessToken: initial });
  const made = await oauth.processDynamicClientRegistrationResponse(response);
  assert.equal(made.client_name, 'Self-made');
  assert.equal(made.client_secret_expires_at, 0);
  const client = { client_id: made.client_id };
  const verifier = oauth.generateRandomCodeVerifier();
  const address = new URL(as.authorization_endpoint);
  address.search = new URLSearchParams({ client_id: made.client_id, redirect_uri: callback, response_type: 'code', scope: 'openid email',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' });
  const parameters = oauth.validateAuthResponse(as, client, await visitor(server)(address), oauth.expectNoState);
  const answer = await oauth.processAuthorizationCodeResponse(as, client,
    await oauth.authorizationCodeGrantRequest(as, client, oauth.ClientSecretPost(made.client_secret), parameters, callback, verifier, insecure));
  assert.equal(oauth.getValidatedIdTokenClaims(answer).email, 'kermit@example.com');

  const bare = await oauth.dynamicClientRegistrationRequest(as, metadata, insecure);
  await assert.rejects(oauth.processDynamicClientRegistrationResponse(bare), (e) => e instanceof oauth.WWWAuthenticateChallengeError && e.cause[0].scheme === 'bearer');
  const wide = await oauth.dynamicClientRegistrationRequest(as, { ...metadata, scope: 'openid write' }, { ...insecure, initialAccessToken: initial });
  await assert.rejects(oauth.processDynamicClientRegistrationResponse(wide), (e) => e.error === 'invalid_client_metadata');
});

test('a wrong secret is a challenge', async () => {
  const client = { client_id: 'client_secret_basic' };
  const response = await oauth.clientCredentialsGrantRequest(as, client, oauth.ClientSecretBasic('wrong'), {}, insecure);
  await assert.rejects(oauth.processClientCredentialsResponse(as, client, response), (e) => e instanceof oauth.WWWAuthenticateChallengeError || e.error === 'invalid_client');
  assert.equal(response.status, 401);
});
