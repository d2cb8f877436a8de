// Basic authentication by js-api, which sends the ticket of an earlier login with
// every call. The API takes it only when the configuration says so.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { serve } from '../serve.mjs';

const require = createRequire(import.meta.url);
const ticket = (user, password) => 'Basic ' + Buffer.from(`${user}:${password}`).toString('base64');

function clientOf(api, url, ticketBpm) {
  const client = new api.AlfrescoApi({ provider: 'BPM', hostBpm: url, contextRootBpm: 'activiti-app', authType: 'BASIC', ticketBpm });
  for (const e of [client, client.processAuth]) e?.on?.('error', () => {});
  return client;
}

const refusal = async (promise) => { try { await promise; } catch (e) { return { status: e.status, ...JSON.parse(e.message) }; } throw new Error('it was let in'); };

for (const [settings, isOn] of [
  [[], false],
  [['--set', 'security.oauth2.basicAuth.enabled=false'], false],
  [['--set', 'security.oauth2.basicAuth.enabled=true'], true],
  [['--set', 'security.oauth2.authentication.enabled=false'], true],
]) {
  test(`basic authentication is ${isOn ? 'on' : 'off'} with ${settings[1] ?? 'the default settings'}`, async (t) => {
    const server = await serve('--demo', ...settings);
    t.after(() => server.stop());
    for (const name of ['@alfresco/js-api', 'jsapi7']) {
      const api = require(name);
      const client = clientOf(api, server.url, ticket('kermit@example.com', 'kermit'));
      if (!isOn) {
        for (const call of [() => new api.AboutApi(client).getAppVersion(), () => new api.UserProfileApi(client).getProfile()]) {
          const { status, messageKey } = await refusal(call());
          assert.equal(status, 401);
          assert.equal(messageKey, 'GENERAL.ERROR.UNAUTHORIZED');
        }
        continue;
      }
      assert.equal((await new api.AboutApi(client).getAppVersion()).type, 'bpmSuite');
      const profile = await new api.UserProfileApi(client).getProfile();
      assert.equal(profile.id, 1001);
      assert.equal(profile.email, 'kermit@example.com');
      for (const wrong of [ticket('kermit@example.com', 'wrong'), ticket('nobody@example.com', 'kermit'), 'Basic !', 'Basic']) {
        assert.equal((await refusal(new api.UserProfileApi(clientOf(api, server.url, wrong)).getProfile())).status, 401, wrong);
      }
    }
  });
}
