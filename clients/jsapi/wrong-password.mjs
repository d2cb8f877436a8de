// Logs in with a wrong password and prints what came back. It is a program of its
// own because js-api leaves a rejected promise unhandled, which fails any test.
import { createRequire } from 'node:module';
process.on('unhandledRejection', () => {});
const [name, url] = process.argv.slice(2);
const api = createRequire(import.meta.url)(name);
const client = new api.AlfrescoApi({ provider: 'BPM', hostBpm: url, contextRootBpm: 'activiti-app', authType: 'OAUTH',
  oauth2: { host: url + '/auth/realms/alfresco', clientId: 'alfresco', secret: '', scope: 'openid', implicitFlow: false, redirectUri: '/' } });
for (const e of [client, client.oauth2Auth, client.processAuth]) e?.on?.('error', () => {});
let refused = false, status;
try { await client.login('kermit@example.com', 'wrong'); } catch (e) { refused = true; status = e?.status; }
console.log(JSON.stringify({ refused, status, loggedIn: client.isLoggedIn() }));
