// A page that signs in by js-api's own implicit flow, as applications before ADF 6 do.
import { AlfrescoApi, UserProfileApi } from '@alfresco/js-api';

window.events = [];
window.failures = [];
window.addEventListener('error', (e) => window.failures.push(e.message));
window.ready = (async () => {
  const { oauth2, ...config } = JSON.parse(document.getElementById('config').textContent);
  window.arrived = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  window.api = new AlfrescoApi({ provider: 'BPM', authType: 'OAUTH', contextRootBpm: 'activiti-app', ...config,
    oauth2: { scope: 'openid', implicitFlow: true, redirectUri: location.origin + '/', redirectUriLogout: location.origin + '/', ...oauth2 } });
  for (const name of ['token_issued', 'implicit_redirect', 'unauthorized', 'error']) window.api.oauth2Auth.on(name, () => window.events.push(name));
  window.profile = () => new UserProfileApi(window.api).getProfile();
})();
