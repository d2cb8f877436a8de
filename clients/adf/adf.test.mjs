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
import { filesOf, zip } from '../zip.mjs';

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
  body.append('file', new Blob([zip(filesOf(join(here, 'process')))], { type: 'application/zip' }), 'Purchases.zip');
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

const pdf = '%PDF-1.1\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n';
let taken = 0;
const shot = (name) => page.screenshot({ fullPage: true, path: join(out, `adf-${String(++taken).padStart(2, '0')}-${name}.png`) });
// row is a line of ADF's tables.
const row = (name) => page.locator('adf-datatable').getByText(name, { exact: true });
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

step('start a process with its start form', async () => {
  await page.locator('#start').click();
  await page.locator('#item').waitFor();
  await shot('start-empty');
  const start = page.locator('#adf-form-start\\ process, button:has-text("START PROCESS")').first();
  assert.equal(await start.isDisabled(), true); // what is required has not been said
  await page.locator('#processName').fill('A chair for Kermit');
  await page.locator('#item').fill('chair');
  await page.locator('#price').fill('1200');
  await page.locator('#room').click();
  await page.getByRole('option', { name: 'North wing' }).click();
  await shot('start-filled');
  const answer = await answered('POST', /\/process-instances$/, () => start.click());
  const instance = await answer.json();
  assert.equal(instance.name, 'A chair for Kermit');
  assert.equal(instance.startedBy.email, 'kermit@example.com');
  await page.getByText('Get an offer for chair').waitFor();
  await shot('instance');
});

step('claim a task of the list', async () => {
  await page.locator('#instances').click();
  await page.locator('#tasks').click();
  await page.getByRole('button', { name: 'Unassigned Tasks' }).click();
  await row('Get an offer for chair').waitFor();
  await shot('unassigned');
  await row('Get an offer for chair').click();
  await page.getByText('Click Claim to work on this task').waitFor();
  await shot('claimable');
  const answer = await answered('PUT', /\/action\/claim$/, () => page.locator('#claim-task').click());
  assert.equal(answer.status(), 200);
  await page.locator('#shop').waitFor();
  await shot('claimed');
});

step('attach a file to the task', async () => {
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.locator('adf-create-task-attachment button').click()]);
  const answer = await answered('POST', /\/raw-content$/, () => chooser.setFiles({ name: 'sketch.txt', mimeType: 'text/plain', buffer: Buffer.from('four legs') }));
  const content = await answer.json();
  assert.deepEqual([content.name, content.mimeType, content.relatedContent, content.createdBy.email], ['sketch.txt', 'text/plain', true, 'kermit@example.com']);
  await page.locator('adf-task-attachment-list').getByText('sketch.txt').waitFor();
  await page.locator('adf-task-attachment-list').getByRole('button', { name: 'Actions' }).last().click();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: 'Download' }).click()]);
  assert.equal(download.suggestedFilename(), 'sketch.txt');
  assert.equal(readFileSync(await download.path(), 'utf8'), 'four legs');
});

step('involve somebody, add to the checklist', async () => {
  await page.locator('.adf-add-people').first().click();
  await page.locator('#userSearchText').fill('ada');
  await page.locator('adf-people-search').getByText('Ada Administrator').click();
  await page.locator('adf-people-search .adf-is-selected').waitFor(); // ADF waits whether it was a double click
  const involved = await answered('PUT', /\/action\/involve$/, () => page.locator('#add-people').click());
  assert.equal(involved.status(), 200);
  await page.locator('#add-checklist').click();
  await page.locator('[data-automation-id=checklist-name]').fill('Measure the desk');
  const added = await answered('POST', /\/checklist$/, () => page.locator('#add-check').click());
  assert.equal((await added.json()).name, 'Measure the desk');
  await page.locator('adf-checklist').getByText('Measure the desk').waitFor();
  await shot('involved');
});

step('comment', async () => {
  await page.getByRole('tab', { name: 'Activity' }).click();
  await page.locator('#comment-input').fill('Must <b>swivel</b>');
  await page.locator('[data-automation-id=comments-input-add]').click();
  await page.locator('.adf-comment-message').getByText('Must <b>swivel</b>', { exact: true }).waitFor();
  assert.equal(await page.locator('.adf-comment-user-name').innerText(), 'Kermit Frog');
  await shot('comment');
});

step('fill in the form, with a file, and complete it', async () => {
  const complete = page.getByRole('button', { name: 'COMPLETE', exact: true });
  assert.equal(await page.locator('#asked').innerText().then((text) => text || page.locator('#asked').inputValue()), 'chair'); // from the start form
  assert.equal(await complete.isDisabled(), true);
  await page.locator('#shop').fill('Desks & Co');
  await page.locator('#reason').fill('It swivels'); // shown because of the price
  const sent = await answered('POST', /\/content\/raw$/, () => page.locator('#offer').setInputFiles({ name: 'offer.pdf', mimeType: 'application/pdf', buffer: Buffer.from(pdf) }));
  assert.equal((await sent.json()).mimeType, 'application/pdf');
  await page.getByText('offer.pdf').waitFor();
  await shot('filled');
  const done = await answered('POST', /\/task-forms\/[^/]+$/, () => complete.click());
  assert.equal(done.status(), 200);
  await page.locator('adf-task-filters').waitFor();
});

step('the task is among the completed ones, with what was said', async () => {
  await page.getByRole('button', { name: 'Completed Tasks' }).click();
  await row('Get an offer for chair').waitFor();
  await shot('completed');
  await row('Get an offer for chair').click();
  await page.getByText('offer.pdf').waitFor();
  assert.equal(await page.locator('#shop').inputValue(), 'Desks & Co');
  assert.equal(await page.locator('#asked').innerText().then((text) => text || page.locator('#asked').inputValue()), 'chair');
  await shot('completed-task');
});

step('the instance and its history', async () => {
  await page.locator('#tasks').click();
  await page.locator('#instances').click();
  await page.getByRole('button', { name: 'Completed' }).click();
  await row('A chair for Kermit').waitFor();
  await shot('instances');
  await row('A chair for Kermit').click();
  await page.locator('[data-automation-id=completed-tasks]').getByText('Get an offer for chair').waitFor();
  assert.equal(await page.locator('[data-automation-id=active-tasks-none]').count(), 1);
  await page.locator('adf-process-attachment-list').getByText('sketch.txt').waitFor();
  await page.locator('.adf-comment-message').getByText('Must <b>swivel</b>', { exact: true }).waitFor(); // those of its tasks are the instance's too
  await shot('history');
  await page.locator('[data-automation-id=start-form] mat-list-item').click();
  await page.locator('mat-dialog-container #item').waitFor();
  assert.equal(await page.locator('mat-dialog-container #item').inputValue(), 'chair');
  assert.equal(await page.locator('mat-dialog-container #price').inputValue(), '1200');
  await shot('start-form');
  await page.locator('mat-dialog-container').getByRole('button', { name: 'Close' }).click();
});

step('sign out', async () => {
  await page.locator('#sign-out').click();
  await page.getByLabel('Password').waitFor(); // the application asks at once for another sign-in, and the session has ended
  await shot('signed-out');
});

test('every call that ADF made was answered', () => {
  writeFileSync(join(out, 'adf-calls.txt'), calls.join('\n') + '\n');
  assert.deepEqual(calls.filter((c) => / (404|5\d\d)$/.test(c) && !tolerated.has(c)), []);
  assert.deepEqual(complaints, []);
});
