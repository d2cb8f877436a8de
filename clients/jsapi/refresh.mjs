// Logs in and refreshes, and prints how far it came. It is a program of its own
// because js-api leaves rejected promises unhandled, which fails any test.
import { createRequire } from 'node:module';
process.on('unhandledRejection', () => {});
const [name, url, secret] = process.argv.slice(2);
const api = createRequire(import.meta.url)(name);
const client = new api.AlfrescoApi({ provider: 'BPM', hostBpm: url, contextRootBpm: 'activiti-app', authType: 'OAUTH',
  oauth2: { host: url + '/auth/realms/alfresco', clientId: 'alfresco', secret, scope: 'openid', implicitFlow: false, redirectUri: '/' } });
for (const e of [client, client.oauth2Auth, client.processAuth]) e?.on?.('error', () => {});
let loggedIn = false, refreshed = false;
try {
  await client.login('kermit@example.com', 'kermit');
  loggedIn = true;
  const before = client.oauth2Auth.getToken();
  await Promise.race([client.refreshToken(), new Promise((_, no) => setTimeout(no, 3000))]); // 3.9 never says that it failed
  refreshed = client.oauth2Auth.getToken() !== before;
} catch { /* what came is printed */ }
console.log(JSON.stringify({ loggedIn, refreshed }));
process.exit(0); // js-api keeps a timer for the next refresh
