// The page that shows the API, in a real browser: signs in and tries an operation.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import { serve } from '../serve.mjs';

const shots = process.env.SHOTS ?? new URL('shots', import.meta.url).pathname;
let server, browser;

before(async () => {
  mkdirSync(shots, { recursive: true });
  server = await serve('--demo');
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
});
after(async () => { await browser?.close(); await server?.stop(); });

test('sign in at the explorer and try an operation', async (t) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  t.after(() => context.close());
  const page = await context.newPage(), complaints = [], elsewhere = [];
  page.on('console', (m) => { if (m.type() === 'error' || m.type() === 'warning') complaints.push(m.text()); });
  page.on('pageerror', (e) => complaints.push(String(e)));
  page.on('request', (r) => { if (!r.url().startsWith(server.url) && !r.url().startsWith('data:')) elsewhere.push(r.url()); });

  await page.goto(server.url + '/activiti-app/api-explorer.html');
  const operation = page.locator('.opblock', { has: page.getByText('/api/enterprise/profile', { exact: true }) }).first();
  await page.locator('.opblock-tag', { hasText: 'identity' }).waitFor();
  assert.match(await page.getByRole('status').textContent(), /Not signed in/);
  assert.equal(await page.locator('.authorize').count(), 0, 'swagger-ui offers a sign-in of its own');
  const { violations } = await page.evaluate(async (source) => { (0, eval)(source); return window.axe.run('header', { resultTypes: ['violations'] }); }, axe.source).catch(() => ({ violations: null }));
  assert.ok(violations === null || violations.length === 0, JSON.stringify(violations));
  complaints.length = 0; // the page's policy has refused the eval of this test

  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByLabel('E-mail address').fill('kermit@example.com');
  await page.getByLabel('Password').fill('kermit');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Allow API explorer to act for you?' }).waitFor();
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.getByText('Signed in as Kermit Frog').waitFor();
  assert.equal(new URL(page.url()).search, '', 'the code stays in the address');
  assert.equal(await page.evaluate(() => JSON.stringify([sessionStorage.length, localStorage.length])), '[0,0]');

  await page.locator('.opblock-tag', { hasText: 'identity' }).click();
  await operation.locator('.opblock-summary').click();
  await operation.getByRole('button', { name: 'Execute' }).click();
  const answer = operation.locator('.live-responses-table');
  await answer.getByText('kermit@example.com').first().waitFor();
  assert.match(await answer.innerText(), /200/);
  assert.match(await answer.innerText(), /"fullname": "Kermit Frog"/);
  await page.screenshot({ path: `${shots}/explorer.png`, fullPage: false });

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('Not signed in').waitFor();
  await operation.getByRole('button', { name: 'Execute' }).click();
  await answer.getByText('401').first().waitFor();
  assert.deepEqual(elsewhere, []);
  assert.deepEqual(complaints.filter((c) => !/status of 401/.test(c)), []);
});
