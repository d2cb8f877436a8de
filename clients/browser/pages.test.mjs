// Drives the pages in a real browser: Debian's chromium.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import axe from 'axe-core';
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
  page.scriptless = options.javaScriptEnabled === false;
  page.refusals = 0; // answers that a test wants to be errors
  const complaints = [];
  page.on('console', (m) => { if (m.type() === 'error' || m.type() === 'warning') complaints.push(m.text()); });
  page.on('pageerror', (e) => complaints.push(String(e)));
  t.after(async () => {
    await context.close();
    const refused = complaints.filter((c) => /status of 40[04]/.test(c));
    assert.equal(refused.length, page.refusals, String(refused));
    assert.deepEqual(complaints.filter((c) => !refused.includes(c)), []);
  });
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

// accessible runs every rule of axe-core in the page; it needs the page's JavaScript.
async function accessible(page) {
  const { violations } = await page.evaluate(async (source) => {
    if (!window.axe) (0, eval)(source);
    return window.axe.run(document, { resultTypes: ['violations'] });
  }, axe.source);
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.help} (${v.nodes.map((n) => n.html).join(', ')})`), []);
}

// shot looks at the page as a person would: it must fit, be readable, and is kept.
async function shot(page, name) {
  await fits(page);
  await readable(page);
  if (!page.scriptless) await accessible(page);
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
  assert.deepEqual(lines.map((l) => l.split(/[ =]/)[0]), ['#', 'TOKEN', 'curl', 'curl', '#', 'curl', 'TASK', 'curl', '#', 'curl', '#', 'curl']);
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

// focused returns what has the focus, and makes sure that one sees it.
async function focused(page) {
  const { name, outline } = await page.evaluate(() => {
    const e = document.activeElement;
    return { name: e.labels?.[0]?.textContent || e.textContent.trim(), outline: getComputedStyle(e).outlineStyle };
  });
  assert.notEqual(outline, 'none', `${name} has the focus, and one cannot see it`);
  return name;
}

// tabTo presses Tab until something has the focus, and returns what had it before.
async function tabTo(page, name) {
  const passed = [];
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press('Tab');
    const now = await focused(page);
    if (now === name) return passed;
    passed.push(now);
  }
  throw new Error(`${name} is not reached: ${passed}`);
}

test('a device and the way out, by keyboard alone', async (t) => {
  server.client({ client_id: 'tv', client_name: 'TV', token_endpoint_auth_method: 'none', scope: 'read', grant_types: ['urn:ietf:params:oauth:grant-type:device_code'] });
  const begun = await (await fetch(`${server.url}/oauth/device_authorization`, { method: 'POST', body: new URLSearchParams({ client_id: 'tv', scope: 'read' }) })).json();
  const page = await open(t);
  await page.goto(begun.verification_uri);
  assert.equal(await focused(page), 'Code');
  await page.keyboard.type(begun.user_code);
  await page.keyboard.press('Enter');
  await page.getByLabel('Password').waitFor();
  await page.keyboard.type('kermit@example.com');
  assert.deepEqual(await tabTo(page, 'Password'), []);
  await page.keyboard.type('kermit');
  assert.deepEqual(await tabTo(page, 'Sign in'), []);
  await page.keyboard.press('Enter');
  await page.getByText(begun.user_code).waitFor();
  assert.deepEqual(await tabTo(page, 'Allow'), ['Sluice', 'Use another account']);
  assert.deepEqual(await tabTo(page, 'Deny'), []); // in the order in which they are seen
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Space');
  await page.getByRole('heading', { name: 'Your device is connected' }).waitFor();
  await page.goto(server.url + '/logout');
  assert.equal(await focused(page), 'Sign out');
  assert.deepEqual(await tabTo(page, 'Stay'), []);
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
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

// What an application that asks for a lot is shown as: scopes, resources and
// authorization details (RFC 9396), among them what must not be taken for markup.
const payment = [
  { type: 'payment_initiation', actions: ['initiate', 'status'], locations: ['https://bank.example.com/payments'], creditorName: 'Merchant <b>A</b>',
    instructedAmount: { currency: 'EUR', amount: '123.50' }, creditorAccount: { iban: 'DE02100100109307118603' }, remittanceInformation: '"><script>alert(1)</script>' },
  { type: 'account_information', datatypes: ['balances', 'transactions'], recurring: true, accounts: [{ iban: 'DE40100100103307118608' }, { iban: 'DE67100100101306118605', from: 2025 }] },
];
const everyone = { desktop, 'phone-dark': { ...phone, colorScheme: 'dark' }, 'phone-no-javascript': { ...phone, javaScriptEnabled: false } };

for (const [name, options] of Object.entries(everyone)) {
  test(`consent says in words what is asked: ${name}`, async (t) => {
    const id = `bank-${name}`;
    server.client({ client_id: id, client_name: 'Household Budget', grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [callback],
      scope: 'openid profile email offline_access payments', policy_uri: 'https://budget.example.com/privacy', tos_uri: 'https://budget.example.com/terms', authorization_details_types: ['payment_initiation', 'account_information'],
      resources: ['https://bank.example.com/payments', 'https://bank.example.com/accounts'] });
    const page = await open(t, options);
    const address = new URL(authorize({ client_id: id, scope: 'openid profile email offline_access payments', authorization_details: JSON.stringify(payment) }));
    for (const r of ['https://bank.example.com/payments', 'https://bank.example.com/accounts']) address.searchParams.append('resource', r);
    await page.goto(address.href);
    await signIn(page);
    await page.getByRole('heading', { name: /Household Budget/ }).waitFor();
    await shot(page, `consent-rich-${name}`);
    const text = await page.locator('main').innerText();
    for (const said of ['See your e-mail address', 'Stay signed in for you while you are away', 'Use the permission payments', 'In particular: Payment initiation',
      'Instructed amount\nCurrency\nEUR\nAmount\n123.50', 'What it may do\ninitiate, status', 'Merchant <b>A</b>', '"><script>alert(1)</script>', 'Recurring\nyes', 'https://bank.example.com/accounts']) {
      assert.ok(text.includes(said), `${said} is missing in ${text}`);
    }
    assert.equal(await page.locator('main b, main script').count(), 0);

    // It was somebody else who was signed in.
    await page.getByRole('link', { name: 'Use another account' }).click();
    await signIn(page, 'fozzie@example.com', 'fozzie');
    await page.getByText('fozzie@example.com').waitFor();
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.waitForURL((u) => u.href.startsWith(callback + '?code='));
  });

  test(`a device is connected: ${name}`, async (t) => {
    const id = `tv-${name}`;
    server.client({ client_id: id, client_name: 'Living Room TV', token_endpoint_auth_method: 'none', scope: 'openid profile read', grant_types: ['urn:ietf:params:oauth:grant-type:device_code'] });
    const begin = async () => (await fetch(`${server.url}/oauth/device_authorization`, { method: 'POST', body: new URLSearchParams({ client_id: id, scope: 'openid profile read' }) })).json();
    const page = await open(t, options);
    const begun = await begin();
    await page.goto(begun.verification_uri);
    await shot(page, `device-${name}`);
    await page.getByLabel('Code').fill('bcdf ghjk');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('alert').waitFor();
    page.refusals = 1;
    await shot(page, `device-wrong-${name}`);
    await page.getByLabel('Code').fill(begun.user_code.toLowerCase());
    await page.getByRole('button', { name: 'Continue' }).click();
    await signIn(page);
    await page.getByText(begun.user_code).waitFor();
    await shot(page, `device-confirm-${name}`);
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.getByRole('heading', { name: 'Your device is connected' }).waitFor();
    await shot(page, `device-done-${name}`);
    await page.goto((await begin()).verification_uri_complete);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('button', { name: 'Deny' }).click();
    await page.getByRole('heading', { name: 'Your device was not connected' }).waitFor();
    await shot(page, `device-denied-${name}`);
  });

  test(`errors and goodbyes: ${name}`, async (t) => {
    const page = await open(t, options);
    page.refusals = 3;
    for (const [shown, address] of Object.entries({ error: authorize({ redirect_uri: 'https://evil.example.com/' }),
      'logout-error': `${server.url}/oauth/logout?post_logout_redirect_uri=https://evil.example.com/`, 'not-found': server.url + '/nowhere', loggedout: server.url + '/logout' })) {
      await page.goto(address);
      await shot(page, `${shown}-${name}`);
    }
  });
}

// The longest words there are must fit a small phone.
for (const [locale, sign, allow, out] of [['de', 'Anmelden', 'Erlauben', 'Abmelden'], ['fr', 'Se connecter', 'Autoriser', 'Se déconnecter'], ['es', 'Iniciar sesión', 'Permitir', 'Cerrar sesión']]) {
  test(`in another language: ${locale}`, async (t) => {
    const page = await open(t, { ...phone, viewport: { width: 320, height: 640 }, locale });
    await page.goto(authorize({ prompt: 'consent' }));
    assert.equal(await page.evaluate(() => document.documentElement.lang), locale);
    await shot(page, `login-${locale}`);
    await page.locator('#email').fill('kermit@example.com');
    await page.locator('#password').fill('kermit');
    await page.getByRole('button', { name: sign }).click();
    await page.getByRole('button', { name: allow }).waitFor();
    await shot(page, `consent-${locale}`);
    await page.goto(server.url + '/device');
    await shot(page, `device-${locale}`);
    await page.goto(server.url + '/logout');
    await shot(page, `logout-${locale}`);
    await page.getByRole('button', { name: out }).click();
    await page.locator('.done').waitFor();
    await shot(page, `loggedout-${locale}`);
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
