// Drives what came after OAuth 2.0's core by openid-client: pushed and signed
// requests, keys behind a jwks_uri, proofs of possession, devices, exchange, the
// hybrid flow and the end of a session.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import * as jose from 'jose';
import * as client from 'openid-client';
import { serve } from '../serve.mjs';
import { visitor } from '../visitor.mjs';

const callback = 'http://127.0.0.1:5999/callback', bye = 'http://127.0.0.1:5999/bye';
const device = 'urn:ietf:params:oauth:grant-type:device_code';
const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
const accessToken = 'urn:ietf:params:oauth:token-type:access_token';
const scope = 'openid profile email read';
const keys = {};
let server, guarded, publisher, jwksURI, secret, fetches = 0;

before(async () => {
  // The application's own key set: an old key, a new one, and one that is private
  // and so must not count.
  for (const kid of ['old', 'new', 'private', 'stranger']) keys[kid] = await client.randomDPoPKeyPair('ES256', { extractable: true });
  const publicKey = async (kid) => ({ ...(await jose.exportJWK(keys[kid].publicKey)), kid, use: 'sig', alg: 'ES256' });
  const set = { keys: [await publicKey('old'), await publicKey('new'), { ...(await jose.exportJWK(keys.private.privateKey)), kid: 'private', use: 'sig' }] };
  publisher = createServer((req, res) => { fetches++; res.setHeader('Content-Type', 'application/jwk-set+json'); res.end(JSON.stringify(set)); });
  await new Promise((resolve) => publisher.listen(0, '127.0.0.1', resolve));
  jwksURI = `http://127.0.0.1:${publisher.address().port}/jwks`;

  [server, guarded] = await Promise.all([
    serve('--demo', '--set', 'sluice.oauth.dpop-nonces=true', '--set', 'sluice.insecure-loopback-fetch=true'),
    serve('--demo'),
  ]);
  const base = { redirect_uris: [callback], post_logout_redirect_uris: [bye], scope, grant_types: ['authorization_code', 'refresh_token'] };
  secret = server.client({ ...base, client_id: 'web', introspect: true, grant_types: [...base.grant_types, 'implicit', exchange], token_endpoint_auth_method: 'client_secret_post' });
  server.client({ ...base, client_id: 'spa', token_endpoint_auth_method: 'none', dpop_bound_access_tokens: true });
  server.client({ ...base, client_id: 'tv', token_endpoint_auth_method: 'none', grant_types: [device, 'refresh_token'] });
  const byKey = { ...base, token_endpoint_auth_method: 'private_key_jwt', grant_types: [...base.grant_types, 'client_credentials'] };
  server.client({ ...byKey, client_id: 'keys', jwks_uri: jwksURI });
  server.client({ ...byKey, client_id: 'signed', jwks_uri: jwksURI, require_signed_request_object: true, request_object_signing_alg: 'ES256' });
  server.client({ ...byKey, client_id: 'pushed', jwks_uri: jwksURI, require_pushed_authorization_requests: true });
  server.client({ ...byKey, client_id: 'away', jwks_uri: 'http://127.0.0.1:1/jwks' });
  guarded.client({ ...byKey, client_id: 'keys', jwks_uri: jwksURI });
});
after(async () => { publisher?.close(); await Promise.all([server?.stop(), guarded?.stop()]); });

// discover reads the metadata for a client; what is sent is noted in config.sent as
// the endpoint's name and the status that it answered.
async function discover(id, auth, { from = server, metadata = {} } = {}) {
  const config = await client.discovery(new URL(from.url), id, metadata, auth, { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] });
  config.sent = [];
  config[client.customFetch] = async (url, options) => {
    const response = await fetch(url, options);
    config.sent.push(`${new URL(url).pathname.split('/').at(-1)} ${response.status}`);
    return response;
  };
  return config;
}
const proof = (kid, key = kid) => client.PrivateKeyJwt({ key: keys[key].privateKey, kid });

async function asked(more = {}) {
  const verifier = client.randomPKCECodeVerifier(), state = client.randomState(), nonce = client.randomNonce();
  return {
    parameters: { redirect_uri: callback, scope, state, nonce, code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...more },
    checks: { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true },
  };
}
async function signIn(config, { more, options, visit = visitor(server), build = client.buildAuthorizationUrl } = {}) {
  const { parameters, checks } = await asked(more);
  const away = await visit(await build(config, parameters));
  return client.authorizationCodeGrant(config, away, checks, undefined, options);
}
// unknowable: the server says that it cannot tell now, and when to ask again.
const unknowable = (e) => e.cause.status === 503 && e.cause.headers.has('retry-after');
const refusal = (code, status) => (e) => e.error === code && (status === undefined || e.status === status);

test('private_key_jwt by the keys at jwks_uri (RFC 7523)', async () => {
  for (const kid of ['old', 'new']) {
    const config = await discover('keys', proof(kid));
    const own = await client.clientCredentialsGrant(config, { scope: 'read' });
    assert.equal(own.scope, 'read');
    assert.equal(own.token_type, 'bearer');
  }
  assert.equal(fetches, 1, 'one set is fetched once for both of its keys');
  const tokens = await signIn(await discover('keys', proof('new')));
  assert.equal(tokens.claims().sub, '1001');
  assert.equal(tokens.claims().aud, 'keys');

  // A known id over another key, and the private key that should not be there.
  for (const [kid, key] of [['new', 'stranger'], ['old', 'new'], ['private', 'private']]) {
    const config = await discover('keys', proof(kid, key));
    await assert.rejects(client.clientCredentialsGrant(config, { scope: 'read' }), refusal('invalid_client', 401), `${key} signs as ${kid}`);
  }
  assert.equal(fetches, 1, 'a bad signature makes the server fetch nothing');
});

test('keys that cannot be had are no refusal', async () => {
  const config = await discover('away', proof('new'));
  await assert.rejects(client.clientCredentialsGrant(config, { scope: 'read' }), unknowable);
  assert.deepEqual(config.sent, ['token 503']);
});

test('without its switch the server fetches nothing from this machine', async () => {
  const before = fetches;
  const config = await discover('keys', proof('new'), { from: guarded });
  await assert.rejects(client.clientCredentialsGrant(config, { scope: 'read' }), unknowable);
  assert.equal(fetches, before);
});

test('pushed requests (RFC 9126)', async () => {
  const config = await discover('pushed', proof('new'));
  let address;
  const tokens = await signIn(config, { build: async (...a) => (address = await client.buildAuthorizationUrlWithPAR(...a)) });
  assert.deepEqual([...address.searchParams.keys()].sort(), ['client_id', 'request_uri']);
  assert.match(address.searchParams.get('request_uri'), /^urn:ietf:params:oauth:request_uri:/);
  assert.equal(tokens.claims().email, 'kermit@example.com');
  assert.deepEqual(config.sent, ['par 201', 'token 200', 'jwks 200']);

  // Used once, it leads nowhere; and what was not pushed is not taken.
  assert.match(await visitor(server)(address), /This sign-in is finished already/);
  const { parameters } = await asked();
  const away = await visitor(server)(client.buildAuthorizationUrl(config, parameters));
  assert.equal(away.searchParams.get('error'), 'invalid_request');
  const stranger = await discover('pushed', proof('new', 'stranger'));
  await assert.rejects(client.buildAuthorizationUrlWithPAR(stranger, parameters), refusal('invalid_client', 401));
  await assert.rejects(client.buildAuthorizationUrlWithPAR(config, { ...parameters, redirect_uri: 'https://evil.example.com/' }), refusal('invalid_request', 400));
});

test('signed requests (RFC 9101), alone and pushed', async () => {
  const config = await discover('signed', proof('new'));
  const key = (kid, name = kid) => ({ key: keys[name].privateKey, kid });
  const signed = (kid, name) => (c, p) => client.buildAuthorizationUrlWithJAR(c, p, key(kid, name));
  const tokens = await signIn(config, { build: signed('old') });
  assert.equal(tokens.claims().sub, '1001');
  assert.equal(tokens.scope, scope);
  const both = await signIn(config, { build: async (c, p) => client.buildAuthorizationUrlWithPAR(c, (await signed('new')(c, p)).searchParams) });
  assert.equal(both.claims().sub, '1001');

  await assert.rejects(signIn(config, { build: client.buildAuthorizationUrl }), refusal('invalid_request'), 'not signed');
  const { parameters } = await asked();
  const forged = await visitor(server)(await signed('new', 'stranger')(config, parameters));
  assert.match(forged, /invalid_request_object/); // nothing in it names an address to trust
  // What stands beside the object does not count.
  const beside = await signed('new')(config, { ...parameters, scope: 'openid' });
  beside.searchParams.set('scope', scope);
  const away = await visitor(server)(beside);
  const narrow = await client.authorizationCodeGrant(config, away, { expectedState: parameters.state, expectedNonce: parameters.nonce }).catch((e) => e);
  assert.equal(narrow.error, 'invalid_grant'); // the verifier is missing: the challenge in the object did count
});

test('DPoP (RFC 9449): a nonce is asked for once, tokens are bound', async () => {
  const config = await discover('spa', client.None());
  const pair = await client.randomDPoPKeyPair('ES256'), DPoP = client.getDPoPHandle(config, pair);
  const tokens = await signIn(config, { more: { dpop_jkt: await DPoP.calculateThumbprint() }, options: { DPoP } });
  assert.equal(tokens.token_type, 'dpop');
  assert.deepEqual(config.sent, ['token 400', 'token 200', 'jwks 200'], 'the first answer names the nonce, the second try succeeds');
  const info = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP });
  assert.equal(info.email, 'kermit@example.com');
  config.sent.length = 0;
  const next = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
  assert.equal(next.token_type, 'dpop');
  assert.equal(config.sent[0], 'token 200', 'the nonce is still good');

  const profile = new URL(server.url + '/activiti-app/api/enterprise/profile');
  const call = (handle) => client.fetchProtectedResource(config, next.access_token, profile, 'GET', undefined, undefined, { DPoP: handle });
  assert.equal((await (await call(DPoP)).json()).email, 'kermit@example.com');
  const thief = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
  for (const handle of [thief, undefined]) await assert.rejects(call(handle), (e) => e.status === 401 && ['invalid_token', 'invalid_dpop_proof'].includes(e.cause[0].parameters.error), 'without the key');
  await assert.rejects(client.refreshTokenGrant(config, next.refresh_token, undefined, { DPoP: thief }), refusal('invalid_grant', 400));
  await assert.rejects(client.refreshTokenGrant(config, next.refresh_token), (e) => e.status === 400, 'a client registered for DPoP without a proof');
  const web = await discover('web', client.ClientSecretPost(secret));
  const facts = await client.tokenIntrospection(web, next.access_token);
  assert.deepEqual(facts.cnf, { jkt: await DPoP.calculateThumbprint() });
});

test('devices (RFC 8628): one user says yes, another no', async () => {
  const config = await discover('tv', client.None());
  const [yes, no] = await Promise.all([0, 1].map(() => client.initiateDeviceAuthorization(config, { scope: 'openid read' })));
  for (const begun of [yes, no]) {
    assert.equal(begun.verification_uri, server.url + '/device');
    assert.match(begun.user_code, /^[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}$/);
    assert.equal(begun.interval, 5);
    assert.ok(begun.expires_in > 60);
  }
  const polls = [yes, no].map((begun) => client.pollDeviceAuthorizationGrant(config, begun).then((tokens) => ({ tokens }), (error) => ({ error })));
  assert.match(await visitor(server)(yes.verification_uri, { user_code: 'BCDF' }).catch((e) => e.message), /circles/); // what is no code is asked for again and again
  assert.match(await visitor(server)(yes.verification_uri, { user_code: yes.user_code.toLowerCase().replace('-', ' ') }), /Your device is connected/);
  assert.match(await visitor(server, undefined, undefined, 'deny')(no.verification_uri_complete), /Your device was not connected/);
  const [allowed, denied] = await Promise.all(polls);
  assert.equal(allowed.tokens.claims().sub, '1001');
  assert.equal(allowed.tokens.scope, 'openid read');
  assert.equal((await client.refreshTokenGrant(config, allowed.tokens.refresh_token)).scope, 'openid read');
  assert.equal(denied.error.error, 'access_denied');
});

test('token exchange (RFC 8693)', async () => {
  const config = await discover('web', client.ClientSecretPost(secret));
  const tokens = await signIn(config);
  const trade = (more) => client.genericGrantRequest(config, exchange, { subject_token: tokens.access_token, subject_token_type: accessToken, ...more });
  const narrow = await trade({ scope: 'read' });
  assert.equal(narrow.scope, 'read');
  assert.equal(narrow.issued_token_type, accessToken);
  assert.equal(narrow.refresh_token, undefined);
  const facts = await client.tokenIntrospection(config, narrow.access_token);
  assert.equal(facts.username, 'kermit@example.com');
  assert.ok(facts.exp <= (await client.tokenIntrospection(config, tokens.access_token)).exp, 'it outlives the token it was given for');
  const jwt = await trade({ scope: 'read', requested_token_type: 'urn:ietf:params:oauth:token-type:jwt' });
  assert.equal(jose.decodeJwt(jwt.access_token).preferred_username, 'kermit@example.com');
  await assert.rejects(trade({ subject_token: narrow.access_token, scope: 'openid read' }), refusal('invalid_scope', 400));
  await assert.rejects(trade({ subject_token: 'none' }), refusal('invalid_request', 400));
  await assert.rejects(trade({ subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' }), refusal('invalid_request', 400));
  await client.tokenRevocation(config, tokens.refresh_token);
  assert.deepEqual(await client.tokenIntrospection(config, narrow.access_token), { active: false }, 'it ends with the grant it came from');
});

test('hybrid: code id_token (OpenID Connect Core §3.3)', async () => {
  const config = await discover('web', client.ClientSecretPost(secret));
  client.useCodeIdTokenResponseType(config);
  for (const response_mode of ['fragment', 'form_post']) {
    const { parameters, checks } = await asked({ response_mode });
    const away = await visitor(server)(client.buildAuthorizationUrl(config, parameters));
    const front = new URLSearchParams(away.form ?? away.hash.slice(1));
    assert.equal(front.get('access_token'), null);
    const claims = jose.decodeJwt(front.get('id_token'));
    assert.equal(claims.nonce, parameters.nonce);
    assert.ok(claims.c_hash);
    assert.equal(claims.at_hash, undefined);
    const answer = (change = {}) => {
      const body = new URLSearchParams({ ...Object.fromEntries(front), ...change });
      return response_mode === 'form_post' ? new Request(callback, { method: 'POST', body }) : new URL(`${callback}#${body}`);
    };
    const refused = (word, given, expected = checks) => assert.rejects(client.authorizationCodeGrant(config, given, expected), (e) => e.cause.message.includes(word), word);
    await refused('c_hash', answer({ code: 'slc_ac_another' }));
    await refused('nonce', answer(), { ...checks, expectedNonce: 'other' });
    await refused('issuer', answer({ iss: 'https://evil.example.com' }));
    const tokens = await client.authorizationCodeGrant(config, answer(), checks);
    assert.equal(tokens.claims().sub, claims.sub);
    assert.equal(tokens.claims().iss, claims.iss);
  }
});

test('JARM is not offered, and not half done', async () => {
  const config = await discover('web', client.ClientSecretPost(secret));
  assert.deepEqual(config.serverMetadata().response_modes_supported, ['query', 'fragment', 'form_post']);
  assert.equal(config.serverMetadata().authorization_signing_alg_values_supported, undefined);
  client.useJwtResponseMode(config);
  const away = await visitor(server)(client.buildAuthorizationUrl(config, (await asked()).parameters));
  assert.equal(away.searchParams.get('error'), 'invalid_request');
  assert.equal(away.searchParams.get('code'), null);
});

test('the end of a session (RP-Initiated Logout)', async () => {
  const config = await discover('web', client.ClientSecretPost(secret));
  const visit = visitor(server);
  const tokens = await signIn(config, { visit });
  const silent = async () => (await visit(client.buildAuthorizationUrl(config, (await asked({ prompt: 'none' })).parameters))).searchParams;
  assert.match((await silent()).get('code'), /^slc_ac_/);
  const leave = (more) => client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: bye, state: 'a b', ...more });
  assert.match(await visit(leave({ post_logout_redirect_uri: 'https://evil.example.com/' })), /This sign-out link does not work/);
  assert.match((await silent()).get('code'), /^slc_ac_/, 'a bad link signs nobody out');
  assert.equal(String(await visit(leave())), bye + '?state=a+b');
  assert.equal((await silent()).get('error'), 'login_required');
});

test('nothing is claimed that is not there', async () => {
  const said = (await discover('web', client.ClientSecretPost(secret))).serverMetadata();
  for (const name of ['check_session_iframe', 'backchannel_authentication_endpoint', 'request_object_encryption_alg_values_supported', 'mtls_endpoint_aliases']) {
    assert.equal(said[name], undefined, name);
  }
  assert.equal(said.backchannel_logout_supported, true);
  assert.equal(said.frontchannel_logout_supported, true);
  assert.equal(said.frontchannel_logout_session_supported, true);
  assert.equal(said.request_uri_parameter_supported, false);
});
