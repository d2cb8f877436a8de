// A page that signs in by oidc-client-ts.
import { UserManager, WebStorageStateStore } from 'oidc-client-ts';

window.ready = (async () => {
  const config = JSON.parse(document.getElementById('config').textContent);
  window.manager = new UserManager({ ...config, redirect_uri: location.origin + '/', silent_redirect_uri: location.origin + '/assets/silent-refresh.html',
    post_logout_redirect_uri: location.origin + '/', userStore: new WebStorageStateStore({ store: sessionStorage }) });
  if (location.pathname.startsWith('/assets/')) return window.manager.signinCallback();
  if (new URLSearchParams(location.search).has('code')) window.back = await window.manager.signinCallback();
})();
