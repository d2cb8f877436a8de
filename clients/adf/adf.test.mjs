// Drives a real ADF 9 application in a real browser: ADF's own components, built by
// Angular, signed in by authorization code and PKCE, from another origin than the
// server's. Every call that the application makes is written down.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { serve } from '../serve.mjs';
import { zip } from './zip.mjs';

const here = import.meta.dirname, dist = join(here, 'dist');
const out = process.env.SHOTS ?? join(here, '../../.ci/out/shots');
const issuer = () => server.url + '/auth/realms/alfresco';
const calls = []; // "GET /activiti-app/… 200", in order
let server, browser, site, page;

// What ADF asks for and can do without; each has a reason.
const tolerated = new Set([]);

before(async () => {
  if (!existsSync(join(dist, 'index.html'))) execFileSync('node', ['build.mjs'], { cwd: here, stdio: 'inherit' });
  mkdirSync(out, { recursive: true });
  server = await serve('--demo', '--set', 'sluice.oauth.keycloak-realm=alfresco', '--set', 'sluice.issuer=http://localhost:{port}/auth/realms/alfresco',
    '--set', 'cors.enabled=true', '--set', 'cors.allowed.origin.patterns=http://localhost:*');
  await publish();
  site = await host();
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(30_000);
  watch();
});
after(async () => {
  await browser?.close();
  site?.http.close();
  await server?.stop();
});

// publish deploys the app as an administrator does, by one call with its zip.
async function publish() {
  const { access_token: token } = await (await fetch(issuer() + '/protocol/openid-connect/token', { method: 'POST',
    body: new URLSearchParams({ grant_type: 'password', client_id: 'alfresco', username: 'admin@app.activiti.com', password: 'admin' }) })).json();
  const body = new FormData();
  body.append('file', new Blob([zip(join(here, 'process'))], { type: 'application/zip' }), 'Purchases.zip');
  const answer = await fetch(server.url + '/activiti-app/api/enterprise/app-definitions/publish-app', { method: 'POST', body, headers: { authorization: `Bearer ${token}` } });
  const told = await answer.text();
  assert.equal(answer.status, 200, told);
  assert.equal(JSON.parse(told).error, false, told);
}

// host serves what was built, with the configuration that ADF reads before anything else.
async function host() {
  const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.svg': 'image/svg+xml', '.woff2': 'font/woff2', '.woff': 'font/woff' };
  const config = (origin) => ({
    $id: 'sluice', application: { name: 'Processes', storagePrefix: 'sluice' },
    authType: 'OAUTH', providers: 'BPM', bpmHost: server.url, contextRootBpm: 'activiti-app', locale: 'en', notificationDefaultDuration: 2000,
    oauth2: { host: issuer(), clientId: 'alfresco', scope: 'openid profile email', codeFlow: true, implicitFlow: false, silentLogin: true, secret: '', publicUrls: [],
      redirectUri: '/', redirectUriLogout: '/', redirectSilentIframeUri: origin + '/assets/silent-refresh.html' },
  });
  const http = createServer((req, res) => {
    const path = new URL(req.url, 'http://localhost').pathname;
    const asset = join(dist, path);
    if (path === '/app.config.json') {
      res.setHeader('content-type', 'application/json').end(JSON.stringify(config(`http://localhost:${http.address().port}`)));
    } else if (extname(path) && existsSync(asset)) {
      res.setHeader('content-type', types[extname(path)] ?? 'application/octet-stream').end(readFileSync(asset));
    } else if (extname(path)) {
      res.writeHead(404).end();
    } else {
      res.setHeader('content-type', 'text/html').end(readFileSync(join(dist, 'index.html')));
    }
  });
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
  return { http, url: `http://localhost:${http.address().port}` };
}

// watch writes down each call to the server with its status, and what the page complains of.
const complaints = [];
function watch() {
  page.on('console', (m) => { if (m.type() === 'error') complaints.push(m.text()); });
  page.on('pageerror', (e) => complaints.push(String(e)));
  page.on('response', (r) => {
    const at = new URL(r.url());
    if (at.origin === server.url && r.request().method() !== 'OPTIONS') calls.push(`${r.request().method()} ${at.pathname}${at.pathname.startsWith('/activiti-app') ? at.search : ''} ${r.status()}`);
  });
  page.on('requestfailed', (r) => { if (r.url().startsWith(server.url)) complaints.push(`${r.method()} ${r.url()}: ${r.failure()?.errorText}`); });
}

// A step needs those before it: after a failure the rest is left out, and the page's
// last state is kept.
let broken = false;
const step = (name, doing) => test(name, async (t) => {
  if (broken) return t.skip('a step before it failed');
  broken = true;
  try { await doing(t); broken = false; } finally { if (broken) await shot('failed').catch(() => {}); }
});

let taken = 0;
const shot = (name) => page.screenshot({ path: join(out, `adf-${String(++taken).padStart(2, '0')}-${name}.png`) });
// answered waits for the answer to one call of the API while something is done.
const answered = async (method, path, doing) => {
  const [answer] = await Promise.all([
    page.waitForResponse((r) => r.request().method() === method && path.test(new URL(r.url()).pathname)),
    doing(),
  ]);
  return answer;
};

step('sign in by code and PKCE', async () => {
  const asked = page.waitForRequest((r) => r.url().startsWith(issuer() + '/') && new URL(r.url()).searchParams.has('response_type'));
  await page.goto(site.url);
  const query = new URL((await asked).url()).searchParams;
  assert.equal(query.get('response_type'), 'code');
  assert.equal(query.get('code_challenge_method'), 'S256');
  assert.equal(query.get('redirect_uri'), site.url + '/view/authentication-confirmation');
  await page.getByLabel('E-mail address').fill('kermit@example.com');
  await page.getByLabel('Password').fill('kermit');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.locator('adf-apps').waitFor();
  assert.equal(await page.locator('#who').innerText(), 'kermit@example.com');
});

step('the apps', async () => {
  const cards = page.locator('.adf-app-listgrid-item-card');
  await page.getByTitle('Purchases').waitFor();
  await page.getByTitle('Task App').waitFor();
  assert.deepEqual(await cards.evaluateAll((all) => all.map((c) => c.title)), ['Task App', 'Purchases', 'demo']);
  await shot('apps');
});

step('the tasks of an app, by ADF\'s filters', async () => {
  await page.getByTitle('Purchases').click();
  await page.locator('adf-task-filters button').first().waitFor();
  assert.deepEqual(await page.locator('adf-task-filters button').evaluateAll((all) => all.map((b) => b.ariaLabel)), ['My Tasks', 'Overdue Tasks', 'Unassigned Tasks', 'Completed Tasks']);
  const answer = await answered('POST', /\/tasks\/query$/, () => page.getByRole('button', { name: 'Unassigned Tasks' }).click());
  assert.equal((await answer.json()).total, 0);
  await shot('tasks');
});

test('every call that ADF made was answered', () => {
  writeFileSync(join(out, 'adf-calls.txt'), calls.join('\n') + '\n');
  assert.deepEqual(calls.filter((c) => / (404|5\d\d)$/.test(c) && !tolerated.has(c)), []);
  assert.deepEqual(complaints, []);
});
