// Shows the API's description and signs in by code and PKCE: the whole page goes to the
// authorization server and comes back, so that no second window is needed. The token is
// kept in this page's memory alone.
'use strict';
(() => {
  const told = document.body.dataset, who = document.getElementById('who'), button = document.getElementById('sign');
  const memory = 'sluice-api-explorer'; // what a sign-in under way needs when it comes back
  let token = '';

  const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

  function say(text, action) { who.textContent = text; button.textContent = action; }

  async function begin() {
    if (!crypto.subtle || location.origin !== new URL(told.redirect).origin) {
      say('Signing in works at ' + told.redirect, 'Go there');
      button.onclick = () => location.assign(told.redirect);
      return;
    }
    const verifier = random(), state = random();
    const challenge = base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)));
    sessionStorage.setItem(memory, JSON.stringify({ verifier, state }));
    location.assign(told.authorize + '?' + new URLSearchParams({ client_id: told.client, response_type: 'code', redirect_uri: told.redirect, scope: told.scope, state,
      code_challenge: challenge, code_challenge_method: 'S256' }));
  }

  // finish redeems the code that the authorization server has sent the page back with.
  async function finish() {
    const back = new URLSearchParams(location.search), kept = JSON.parse(sessionStorage.getItem(memory) || 'null');
    if (!back.has('state')) return;
    sessionStorage.removeItem(memory);
    history.replaceState(null, '', location.pathname);
    if (!kept || back.get('state') !== kept.state || (back.has('iss') && back.get('iss') !== told.issuer)) throw new Error('the answer is to another question');
    if (back.has('error')) throw new Error(back.get('error_description') || back.get('error'));
    const answer = await fetch(told.token, { method: 'POST', credentials: 'omit', body: new URLSearchParams({ grant_type: 'authorization_code', client_id: told.client,
      code: back.get('code'), redirect_uri: told.redirect, code_verifier: kept.verifier }) });
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.error_description || body.error);
    token = body.access_token;
    const profile = await (await fetch('/activiti-app/api/enterprise/profile', { credentials: 'omit', headers: { Authorization: 'Bearer ' + token } })).json();
    say('Signed in as ' + (profile.fullname || profile.email), 'Sign out');
  }

  async function end() {
    const ended = token;
    token = '';
    say('Not signed in: the API will refuse calls.', 'Sign in');
    await fetch(told.revoke, { method: 'POST', credentials: 'omit', body: new URLSearchParams({ token: ended, client_id: told.client }) });
  }

  button.onclick = () => (token ? end() : begin());

  const without = () => null;
  const ownSignIn = () => ({ wrapComponents: { authorizeBtn: () => without, authorizeOperationBtn: () => without } });

  finish().catch((e) => say('Signing in did not work: ' + e.message, 'Sign in')).finally(() => SwaggerUIBundle({
    url: told.description, domNode: document.getElementById('explorer'), presets: [SwaggerUIBundle.presets.apis], plugins: [ownSignIn], layout: 'BaseLayout',
    validatorUrl: null, deepLinking: false, docExpansion: 'none', defaultModelsExpandDepth: -1, filter: true, tryItOutEnabled: true, syntaxHighlight: { activated: false },
    requestInterceptor: (request) => {
      // The token is for this server alone.
      if (token && new URL(request.url, location.href).origin === location.origin) request.headers.Authorization = 'Bearer ' + token;
      request.credentials = 'omit';
      return request;
    },
  }));
})();
