// What the tests of operations share: js-api 10, signed in as ADF signs in, and refusals.
import { createRequire } from 'node:module';

export const api = createRequire(import.meta.url)('@alfresco/js-api');

// realm has a server answer where js-api looks for tokens.
export const realm = ['--set', 'sluice.oauth.keycloak-realm=alfresco'];

// clientOf signs somebody in at a server.
export async function clientOf(server, login, password) {
  const oauth2 = { host: server.url + '/auth/realms/alfresco', clientId: 'alfresco', secret: '', scope: 'openid', implicitFlow: false, redirectUri: '/' };
  const client = new api.AlfrescoApi({ provider: 'BPM', hostBpm: server.url, contextRootBpm: 'activiti-app', authType: 'OAUTH', oauth2 });
  for (const e of [client, client.oauth2Auth, client.processAuth]) e?.on?.('error', () => {});
  await client.login(login, password);
  return client;
}

// refusal is the status and the key with which something is refused.
export async function refusal(promise) {
  try { await promise; } catch (e) { return [e.status, JSON.parse(e.message).messageKey]; }
  throw new Error('it was let in');
}
export const forbidden = [403, 'GENERAL.ERROR.FORBIDDEN'], missing = [404, 'GENERAL.ERROR.NOT-FOUND'], bad = [400, 'GENERAL.ERROR.BAD-REQUEST'];
