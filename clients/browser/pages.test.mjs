// Drives the pages in a real browser: Debian's chromium.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { serve } from '../serve.mjs';

const shots = process.env.SHOTS ?? new URL('shots', import.meta.url).pathname;
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
const desktop = { viewport: { width: 1280, height: 800 } };
let server, browser, application, callback;
const posted = [];

before(async () => {
  mkdirSync(shots, { recursive: true });
  server = await serve('--demo');
  // The application that users are sent back to.
  application = createServer((req, res) => {
    let body = '';
    req.on('data', (b) => { body += b; });
    req.on('end', () => {
      if (req.method === 'POST') posted.push(body);
      res.setHeader('Content-Type', 'text/html');
      res.end('<!doctype html><title>application</title><link rel="icon" href="data:,">arrived');
    });
  });
  await new Promise((resolve) => application.listen(0, '127.0.0.1', resolve));
  callback = `http://127.0.0.1:${application.address().port}/callback`;
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
});
after(async () => { await browser?.close(); application?.close(); await server?.stop(); });

// open returns a page whose complaints (scripts, CSP, failed loads) fail the test.
async function open(t, options = desktop) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (m) => { if (m.type() === 'error' || m.type() === 'warning') complaints.push(m.text()); });
  page.on('pageerror', (e) => complaints.push(String(e)));
  t.after(async () => { await context.close(); assert.deepEqual(complaints, []); });
  return page;
}

const authorize = (extra = {}) => `${server.url}/oauth/authorize?` + new URLSearchParams({ client_id: 'alfrescoapp', response_type: 'code',
  redirect_uri: callback, scope: 'read write', state: 'xyz', ...extra });

async function signIn(page, email = 'kermit@example.com', password = 'kermit') {
  await page.getByLabel('E-mail address').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

async function fits(page) {
  const { wide, seen } = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth, seen: document.documentElement.clientWidth }));
  assert.ok(wide <= seen, `the page is ${wide} wide in a window of ${seen}`);
}

// readable fails on text whose contrast is below WCAG's 4.5 to 1, on a field
// without a label and on a page without exactly one title. It runs in the page.
function complaintsAbout() {
  const found = [];
  const rgb = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = rgb(colour).map((v) => { const x = v / 255; return x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (rgb(c)[3] !== 0) return c; } return 'rgb(255, 255, 255)'; };
  for (const e of document.body.querySelectorAll('*')) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility()) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push(`"${e.textContent.trim().slice(0, 40)}" has a contrast of ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
  }
  for (const e of document.querySelectorAll('input:not([type=hidden])')) if (!e.labels.length) found.push(`the field ${e.name} has no label`);
  if (document.querySelectorAll('h1').length !== 1) found.push('a page has one title');
  if (!document.documentElement.lang) found.push('the page does not say its language');
  return found;
}
const readable = async (page) => assert.deepEqual(await page.evaluate(complaintsAbout), []);

// shot looks at the page as a person would: it must fit, be readable, and is kept.
async function shot(page, name) {
  await fits(page);
  await readable(page);
  await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
}

test('login, wrong password, consent, code, logout', async (t) => {
  const page = await open(t);
  await page.goto(authorize());
  assert.match(page.url(), /\/login\?next=/);
  assert.ok(await page.getByText('Alfresco App').isVisible(), 'the page says which application asks');
  await shot(page, 'login');
  await signIn(page, 'kermit@example.com', 'wrong');
  assert.match(await page.getByRole('alert').textContent(), /wrong/);
  assert.equal(await page.getByLabel('E-mail address').inputValue(), 'kermit@example.com');
  assert.equal(await page.getByLabel('Password').inputValue(), '');
  await shot(page, 'login-wrong');
  await signIn(page);
  await page.getByRole('heading', { name: 'Allow Alfresco App to act for you?' }).waitFor();
  await shot(page, 'consent');
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.waitForURL((u) => u.href.startsWith(callback));
  const back = new URL(page.url());
  assert.match(back.searchParams.get('code'), /^slc_ac_/);
  assert.equal(back.searchParams.get('state'), 'xyz');
  const token = await (await fetch(`${server.url}/oauth/token`, { method: 'POST', headers: { authorization: 'Basic ' + btoa('alfrescoapp:secret') },
    body: new URLSearchParams({ grant_type: 'authorization_code', code: back.searchParams.get('code'), redirect_uri: callback }) })).json();
  const version = await fetch(`${server.url}/activiti-app/api/enterprise/app-version`, { headers: { authorization: `Bearer ${token.access_token}` } });
  assert.equal(version.status, 200);
  assert.equal((await version.json()).type, 'bpmSuite');

  await page.goto(server.url + '/');
  assert.ok(await page.getByText('Signed in as').isVisible());
  await shot(page, 'home');
  // What is copied from the page must be lines that a shell takes.
  const lines = (await page.locator('pre').innerText()).split('\n').filter(Boolean);
  assert.deepEqual(lines.map((l) => l.split(/[ =]/)[0]), ['#', 'TOKEN', 'curl', 'curl', '#', 'curl', '#', 'curl']);
  await page.getByRole('link', { name: 'Sign out' }).click();
  await shot(page, 'logout');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
  await shot(page, 'loggedout');
  await page.goto(authorize());
  assert.match(page.url(), /\/login\?next=/);
});

// An application's own sign-out. It lives on another site (127.0.0.1, the server is
// localhost), so the browser really withholds the session's cookie from its form.
for (const [name, options] of Object.entries({ desktop, 'phone-no-javascript': { ...phone, javaScriptEnabled: false } })) {
  test(`an application signs its user out: ${name}`, async (t) => {
    const id = `leaver-${name}`, bye = callback.replace('/callback', '/bye');
    const secret = server.client({ client_id: id, client_name: 'The Leaver', grant_types: ['authorization_code'], redirect_uris: [callback],
      scope: 'openid', skip_consent: true, post_logout_redirect_uris: [bye], client_uri: 'https://leaver.example.com/' });
    const page = await open(t, options);
    const enter = async () => {
      await page.goto(authorize({ client_id: id, scope: 'openid' }));
      if (page.url().includes('/login')) await signIn(page);
      await page.waitForURL((u) => u.href.startsWith(callback + '?code='));
      const answer = await (await fetch(`${server.url}/oauth/token`, { method: 'POST', headers: { authorization: 'Basic ' + btoa(`${id}:${secret}`) },
        body: new URLSearchParams({ grant_type: 'authorization_code', code: new URL(page.url()).searchParams.get('code'), redirect_uri: callback }) })).json();
      return answer.id_token;
    };
    const leave = (values) => `${server.url}/oauth/logout?` + new URLSearchParams(values);
    const signedIn = async () => {
      await page.goto(authorize({ client_id: id, scope: 'openid', prompt: 'none' }));
      return new URL(page.url()).searchParams.has('code');
    };

    // By its id_token: no question, and back with state.
    await page.goto(leave({ id_token_hint: await enter(), post_logout_redirect_uri: bye, state: 's 1' }));
    assert.equal(page.url(), bye + '?state=s+1');
    assert.equal(await signedIn(), false);

    // The same by a form of the other site.
    const hint = await enter();
    await page.route(callback.replace('/callback', '/form'), (r) => r.fulfill({ contentType: 'text/html', body: `<!doctype html><link rel="icon" href="data:,">
      <form method="post" action="${server.url}/oauth/logout"><input name="id_token_hint" value="${hint}"><input name="post_logout_redirect_uri" value="${bye}"><button>leave</button></form>` }));
    await page.goto(callback.replace('/callback', '/form'));
    await page.getByRole('button', { name: 'leave' }).click();
    await page.waitForURL(bye);
    assert.equal(await signedIn(), false);

    // Without one the user is asked; he may stay.
    await enter();
    await page.goto(leave({ client_id: id }));
    await page.getByRole('heading', { name: 'Sign out?' }).waitFor();
    assert.ok(await page.getByText('The Leaver').isVisible(), 'the page says which application asks');
    await shot(page, `app-logout-${name}`);
    await page.getByRole('link', { name: 'Stay' }).click();
    assert.equal(await signedIn(), true);
    await page.goto(leave({ client_id: id }));
    await page.getByRole('button', { name: 'Sign out' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
    assert.equal(await page.getByRole('link', { name: 'Back to the application' }).getAttribute('href'), 'https://leaver.example.com/');
    await shot(page, `app-loggedout-${name}`);
    assert.equal(await signedIn(), false);
  });
}

test('deny', async (t) => {
  const page = await open(t);
  await page.goto(authorize());
  await signIn(page, 'fozzie@example.com', 'fozzie');
  await page.getByRole('button', { name: 'Deny' }).click();
  await page.waitForURL((u) => u.href.startsWith(callback));
  const back = new URL(page.url());
  assert.equal(back.searchParams.get('error'), 'access_denied');
  assert.equal(back.searchParams.get('state'), 'xyz');
  assert.equal(back.searchParams.get('code'), null);
  await page.goto(authorize());
  await page.getByRole('heading', { name: /Allow/ }).waitFor(); // no is not remembered
});

test('a consent is remembered', async (t) => {
  const page = await open(t);
  const profileOnly = authorize({ scope: 'profile' });
  await page.goto(profileOnly);
  await signIn(page, 'admin@app.activiti.com', 'admin');
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.waitForURL((u) => u.href.startsWith(callback));
  await page.goto(profileOnly);
  assert.ok(page.url().startsWith(callback + '?code='), 'the second time nobody is asked');
  await page.goto(authorize({ scope: 'profile write' }));
  await page.getByRole('heading', { name: /Allow/ }).waitFor(); // more than was allowed
});

test('by keyboard alone', async (t) => {
  const page = await open(t);
  await page.goto(authorize({ prompt: 'consent' }));
  assert.equal(await page.evaluate(() => document.activeElement.id), 'email');
  await page.keyboard.type('kermit@example.com');
  await page.keyboard.press('Tab');
  await page.keyboard.type('kermit');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: /Allow/ }).waitFor();
  for (let i = 0; i < 10 && (await page.evaluate(() => document.activeElement.textContent.trim())) !== 'Allow'; i++) await page.keyboard.press('Tab');
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.notEqual(outline, 'none', 'what has the focus is visible');
  await page.keyboard.press('Enter');
  await page.waitForURL((u) => u.href.startsWith(callback + '?code='));
});

for (const [name, options] of Object.entries({ 'dark-desktop': { ...desktop, colorScheme: 'dark' }, phone, 'phone-dark': { ...phone, colorScheme: 'dark' }, 'no-javascript': { ...phone, javaScriptEnabled: false } })) {
  test(`seen on: ${name}`, async (t) => {
    const page = await open(t, options);
    await page.goto(authorize({ prompt: 'consent' }));
    await shot(page, `login-${name}`);
    await signIn(page, 'kermit@example.com', 'wrong');
    await page.getByRole('alert').waitFor();
    await shot(page, `login-wrong-${name}`);
    await signIn(page);
    await page.getByRole('heading', { name: /Allow/ }).waitFor();
    await shot(page, `consent-${name}`);
    for (const button of await page.getByRole('button').all()) {
      const box = await button.boundingBox();
      assert.ok(box.height >= 44, `a button is ${box.height} high`);
    }
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.waitForURL((u) => u.href.startsWith(callback + '?code='));
    await page.goto(server.url + '/');
    await shot(page, `home-${name}`);
  });
}

test('form_post, with and without JavaScript', async (t) => {
  for (const javaScriptEnabled of [true, false]) {
    const page = await open(t, { ...desktop, javaScriptEnabled });
    await page.goto(authorize({ response_mode: 'form_post', prompt: 'consent' }));
    await signIn(page);
    await page.getByRole('button', { name: 'Allow' }).click();
    if (!javaScriptEnabled) {
      await shot(page, 'formpost');
      await page.getByRole('button', { name: 'Continue' }).click();
    }
    await page.waitForURL(callback);
    const form = new URLSearchParams(posted.at(-1));
    assert.match(form.get('code'), /^slc_ac_/);
    assert.equal(form.get('state'), 'xyz');
  }
});

test('errors are pages', async (t) => {
  const page = await browser.newPage(desktop);
  t.after(() => page.close());
  assert.equal((await page.goto(authorize({ redirect_uri: 'https://evil.example.com/' }))).status(), 400);
  await page.getByRole('heading', { name: 'This sign-in link does not work' }).waitFor();
  await shot(page, 'error');
  assert.equal((await page.goto(`${server.url}/oauth/logout?post_logout_redirect_uri=https://evil.example.com/`)).status(), 400);
  await page.getByRole('heading', { name: 'This sign-out link does not work' }).waitFor();
  await shot(page, 'logout-error');
  await page.getByRole('link', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
  assert.equal((await page.goto(server.url + '/nowhere')).status(), 404);
});

test('the pages cannot be framed', async (t) => {
  const page = await browser.newPage(desktop);
  t.after(() => page.close());
  await page.route('https://evil.example.com/', (r) => r.fulfill({ contentType: 'text/html', body: `<iframe src="${server.url}/login"></iframe>` }));
  await page.goto('https://evil.example.com/');
  await page.waitForTimeout(500);
  const frame = page.frames()[1];
  assert.ok(!frame || !(await frame.content().catch(() => '')).includes('Password'));
});
