// Drives Sluice from pages of another origin in a real browser: angular-oauth2-oidc
// configured as ADF configures it, oidc-client-ts, and js-api's own implicit flow.
// Nothing of their checks is turned off; the issuer is Keycloak's address of a realm, as ADF and the mobile
// apps have it.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { serve } from '../serve.mjs';

let server, browser, issuer;
const sites = [];
before(async () => {
  server = await serve('--demo', '--set', 'sluice.oauth.keycloak-realm=alfresco', '--set', 'sluice.issuer=http://localhost:{port}/auth/realms/alfresco',
    '--set', 'cors.enabled=true', '--set', 'cors.allowed.origin.patterns=http://localhost:*,http://127.0.0.1:*');
  issuer = server.url + '/auth/realms/alfresco';
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
});
after(async () => { await browser?.close(); for (const s of sites) s.close(); await server?.stop(); });

// site serves a page with the bundle of entry and its configuration, on a port of
// its own, and returns its address.
async function site(entry, config) {
  const { outputFiles } = await build({ entryPoints: [new URL(entry, import.meta.url).pathname], bundle: true, write: false, format: 'iife', logLevel: 'warning' });
  const script = outputFiles[0].contents;
  const page = `<!doctype html><title>application</title><link rel="icon" href="data:,"><script id="config" type="application/json">${JSON.stringify(config)}</script><body><script src="/app.js"></script>`;
  // What ADF serves for its hidden frame: it hands its address to the page around it.
  // js-api looks into the frame from outside.
  const silent = `<!doctype html><title>silent</title>${entry === 'angular.js' ? '<script>parent.postMessage(location.hash, location.origin)</script>' : ''}`;
  const http = createServer((req, res) => {
    const path = req.url.split('?')[0];
    res.setHeader('Content-Type', path === '/app.js' ? 'text/javascript' : 'text/html');
    res.end(path === '/app.js' ? script : path === '/assets/silent-refresh.html' && entry !== 'oidc.js' ? silent : page);
  });
  sites.push(http);
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
  return `http://localhost:${http.address().port}/`;
}

// registered makes a public client like the demo's for one test: consent is asked
// once for each.
let made = 0;
function registered(grants = ['authorization_code', 'refresh_token', 'password']) {
  const id = `page-${++made}`;
  server.client({ client_id: id, token_endpoint_auth_method: 'none', grant_types: grants, scope: 'openid profile email', token_format: 'jwt',
    redirect_uris: ['localhost', '127.0.0.1'].flatMap((host) => [`http://${host}/`, `http://${host}/assets/silent-refresh.html`]), post_logout_redirect_uris: ['http://localhost/'] });
  return id;
}

// open returns a page whose complaints fail the test.
async function open(t, address) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (m) => { if (m.type() === 'error') complaints.push(m.text()); });
  page.on('pageerror', (e) => complaints.push(String(e)));
  t.after(async () => { await context.close(); assert.deepEqual(complaints, []); });
  await page.goto(address);
  await page.evaluate(() => window.ready);
  return page;
}

// signIn answers the server's pages until the browser is back at the application.
async function signIn(page, address) {
  await page.getByLabel('E-mail address').fill('kermit@example.com');
  await page.getByLabel('Password').fill('kermit');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.waitForURL((u) => u.href.startsWith(address));
  await page.waitForFunction(() => window.ready);
  await page.evaluate(() => window.ready);
}

// signOut lets the page end the session and waits until it is back.
async function signOut(page, address, how) {
  const asked = page.waitForResponse((r) => r.url().startsWith(issuer) && new URL(r.url()).pathname.endsWith('/logout') && r.status() === 303);
  await page.evaluate(how).catch(() => {}); // the page may go away while it answers
  await asked;
  await page.waitForURL((u) => u.href.startsWith(address));
  await page.waitForFunction(() => window.ready);
  await page.evaluate(() => window.ready);
}

const adf = (more) => ({ issuer, clientId: registered(more.responseType === 'code' ? undefined : ['implicit']), scope: 'openid profile email', requireHttps: 'remoteOnly', strictDiscoveryDocumentValidation: true,
  dummyClientSecret: 'dummyClientSecret', showDebugInformation: false, ...more });
const call = (page, path) => page.evaluate(async ([url, scheme]) => {
  const r = await fetch(url, { headers: { Authorization: `${scheme} ${window.oauth.getAccessToken()}` }, credentials: 'include' });
  return { status: r.status, body: await r.json() };
}, [server.url + path, 'bearer']);

test('angular-oauth2-oidc: code flow, userinfo, refresh, logout', async (t) => {
  const address = await site('angular.js', adf({ responseType: 'code' }));
  const page = await open(t, address);
  await page.evaluate(() => { window.oauth.initCodeFlow(); });
  await signIn(page, address);
  const said = await page.evaluate(() => ({ id: window.oauth.hasValidIdToken(), access: window.oauth.hasValidAccessToken(), claims: window.oauth.getIdentityClaims(),
    token: window.oauth.getAccessToken(), refresh: window.oauth.getRefreshToken(), scopes: window.oauth.getGrantedScopes() }));
  assert.equal(said.id && said.access, true);
  assert.equal(said.claims.iss, issuer);
  assert.equal(said.claims.preferred_username, 'kermit@example.com');
  const decoded = JSON.parse(Buffer.from(said.token.split('.')[1], 'base64url')); // ADF reads the access token
  assert.equal(decoded.preferred_username, 'kermit@example.com');
  assert.equal(decoded.email, 'kermit@example.com');
  assert.deepEqual(decoded.realm_access.roles, ['user']);

  const profile = await page.evaluate(() => window.oauth.loadUserProfile());
  assert.equal(profile.info.sub, '1001');
  assert.equal(profile.info.email, 'kermit@example.com');

  await page.evaluate(() => window.oauth.refreshToken());
  const renewed = await page.evaluate(() => ({ token: window.oauth.getAccessToken(), refresh: window.oauth.getRefreshToken() }));
  assert.notEqual(renewed.token, said.token);
  assert.notEqual(renewed.refresh, said.refresh);
  const userinfo = await call(page, '/auth/realms/alfresco/protocol/openid-connect/userinfo');
  assert.equal(userinfo.status, 200);

  await signOut(page, address, () => { window.oauth.revokeTokenAndLogout({}, true); });
  assert.equal(await page.evaluate(() => window.oauth.hasValidAccessToken()), false);
  const dead = await fetch(server.url + '/oauth/userinfo', { headers: { Authorization: `Bearer ${renewed.token}` } });
  assert.equal(dead.status, 401);
});

test('angular-oauth2-oidc: the login form of ADF', async (t) => {
  const address = await site('angular.js', adf({ responseType: 'code', oidc: false })); // there is no id_token to compare with
  const page = await open(t, address);
  const info = await page.evaluate(() => window.oauth.fetchTokenUsingPasswordFlowAndLoadUserProfile('kermit@example.com', 'kermit'));
  assert.equal((info.info ?? info).preferred_username, 'kermit@example.com');
  const before = await page.evaluate(() => window.oauth.getAccessToken());
  await page.evaluate(() => window.oauth.refreshToken());
  assert.notEqual(await page.evaluate(() => window.oauth.getAccessToken()), before);
});

test('angular-oauth2-oidc: implicit flow and its silent refresh', async (t) => {
  const config = adf({ responseType: undefined, oidc: true });
  const address = await site('angular.js', config);
  const page = await open(t, address);
  await page.evaluate(() => { window.oauth.silentRefreshRedirectUri = location.origin + '/assets/silent-refresh.html'; window.oauth.initImplicitFlow(); });
  await signIn(page, address);
  const first = await page.evaluate(() => ({ valid: window.oauth.hasValidIdToken(), token: window.oauth.getAccessToken(), claims: window.oauth.getIdentityClaims() }));
  assert.equal(first.valid, true);
  assert.ok(first.claims.at_hash);
  const event = await page.evaluate(async () => {
    window.oauth.silentRefreshRedirectUri = location.origin + '/assets/silent-refresh.html';
    return (await window.oauth.silentRefresh()).type;
  });
  assert.equal(event, 'silently_refreshed');
  assert.notEqual(await page.evaluate(() => window.oauth.getAccessToken()), first.token);
});

test('oidc-client-ts: code flow, userinfo, refresh, silent sign-in, revocation, logout', async (t) => {
  const address = await site('oidc.js', { authority: issuer, client_id: registered(), scope: 'openid profile email', loadUserInfo: true });
  const page = await open(t, address);
  await page.evaluate(() => { window.manager.signinRedirect({ state: 'where I was' }); });
  await signIn(page, address);
  const user = await page.evaluate(async () => { const u = await window.manager.getUser(); return { ...u, expired: u.expired, state: window.back.state }; });
  assert.equal(user.expired, false);
  assert.equal(user.state, 'where I was');
  assert.equal(user.profile.sub, '1001');
  assert.equal(user.profile.email, 'kermit@example.com');

  const renewed = await page.evaluate(async () => (await window.manager.signinSilent()).access_token); // by the refresh token
  assert.notEqual(renewed, user.access_token);
  const silent = await page.evaluate(async () => { // by the hidden frame
    const u = await window.manager.getUser();
    u.refresh_token = undefined;
    await window.manager.storeUser(u);
    return (await window.manager.signinSilent()).access_token;
  });
  assert.notEqual(silent, renewed);

  await page.evaluate(() => window.manager.revokeTokens(['access_token']));
  const dead = await fetch(server.url + '/oauth/userinfo', { headers: { Authorization: `Bearer ${silent}` } });
  assert.equal(dead.status, 401);
  await signOut(page, address, () => { window.manager.signoutRedirect(); });
  assert.equal(await page.evaluate(() => window.manager.getUser()), null);
  await page.evaluate(() => { window.manager.signinRedirect(); });
  await page.getByLabel('Password').waitFor(); // the session at the server has ended too
});

// silently waits for the answer to a hidden frame, and returns its parameters.
const silently = async (page) => {
  const answer = await page.waitForResponse((r) => r.url().includes('prompt=none') && r.status() === 303);
  return new URLSearchParams(new URL(answer.headers().location).hash.slice(1));
};

test('js-api 10: implicit flow, API, hidden frame, logout', async (t) => {
  const address = await site('jsapi.js', { hostBpm: server.url, oauth2: { host: issuer, clientId: registered(['implicit']) } });
  const page = await open(t, address);
  await page.evaluate(() => { window.api.implicitLogin(); });
  await page.getByLabel('Password').waitFor();
  const refreshed = silently(page); // the library asks again as soon as it is back
  await signIn(page, address);

  const arrived = await page.evaluate(() => window.arrived);
  assert.deepEqual(Object.keys(arrived).sort(), ['access_token', 'expires_in', 'id_token', 'iss', 'scope', 'session_state', 'token_type']); // js-api sends no state
  assert.equal(arrived.iss, issuer);
  assert.equal(arrived.token_type, 'Bearer');
  const claims = JSON.parse(Buffer.from(arrived.id_token.split('.')[1], 'base64url'));
  assert.equal(claims.sub, '1001');
  assert.ok(claims.nonce && claims.at_hash);
  assert.equal(await page.evaluate(() => window.api.oauth2Auth.isLoggedIn()), true);
  assert.equal(await page.evaluate(() => window.api.getEcmUsername() || window.api.oauth2Auth.authentications.basicAuth.username), 'kermit@example.com');
  const profile = await page.evaluate(() => window.profile());
  assert.equal(profile.email, 'kermit@example.com');

  const silent = await refreshed;
  assert.equal(silent.get('error'), null);
  assert.ok(silent.get('session_state'));
  assert.notEqual(silent.get('access_token'), arrived.access_token);
  await page.waitForFunction((token) => window.api.oauth2Auth.getAccessToken() === token, silent.get('access_token'));
  assert.equal((await page.evaluate(() => window.profile())).id, 1001);
  assert.deepEqual(await page.evaluate(() => window.failures), []);

  await signOut(page, address, () => { window.api.logout(); });
  const dead = await fetch(server.url + '/activiti-app/api/enterprise/profile', { headers: { Authorization: `Bearer ${silent.get('access_token')}` } });
  assert.equal(dead.status, 401);
  assert.equal(await page.evaluate(() => window.api.oauth2Auth.isLoggedIn()), false);
});

// The session's cookie is SameSite=Lax: a frame in a page of another site comes
// without it. The library is told so, keeps its token, and the user is not signed out.
test('js-api 10: from another site the hidden frame is told login_required', async (t) => {
  const address = (await site('jsapi.js', { hostBpm: server.url, oauth2: { host: issuer, clientId: registered(['implicit']) } })).replace('localhost', '127.0.0.1');
  const page = await open(t, address);
  await page.evaluate(() => { window.api.implicitLogin(); });
  await page.getByLabel('Password').waitFor();
  const refreshed = silently(page);
  await signIn(page, address);
  const silent = await refreshed;
  assert.equal(silent.get('error'), 'login_required');
  assert.equal(silent.get('access_token'), null);
  const token = await page.evaluate(() => window.arrived.access_token);
  assert.equal((await page.evaluate(() => window.profile())).email, 'kermit@example.com');
  assert.equal(await page.evaluate(() => window.api.oauth2Auth.getAccessToken()), token);
  assert.deepEqual(await page.evaluate(() => window.failures), []);
});

test('a page of an origin that no client has is not answered', async (t) => {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  const address = await site('oidc.js', { authority: issuer, client_id: 'alfresco' });
  await page.goto(address.replace('localhost', 'other.localhost')).catch(() => {});
  const outcome = await page.evaluate(async (url) => {
    try { return (await fetch(url, { method: 'POST', body: new URLSearchParams({ grant_type: 'password' }) })).status; } catch (e) { return e.name; }
  }, server.url + '/oauth/token');
  assert.equal(outcome, 'TypeError');
});
