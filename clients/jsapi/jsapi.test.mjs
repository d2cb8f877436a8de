// Drives Sluice by the client library of APS, in the versions that differ most.
import assert from 'node:assert/strict';
import { execFile as execFileWithCallback } from 'node:child_process';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { serve } from '../serve.mjs';

const execFile = promisify(execFileWithCallback);
const require = createRequire(import.meta.url);
const user = 'kermit@example.com';
const realm = ['--set', 'sluice.oauth.keycloak-realm=alfresco'];
// Each version with the settings that it needs beyond the defaults: 3.9 sends the
// refresh token in the address.
const versions = [
  { name: '@alfresco/js-api' }, { name: 'jsapi9' }, { name: 'jsapi7' },
  { name: 'jsapi3', settings: ['--set', 'sluice.oauth.token-parameters-in-query=true'] },
];
const servers = new Map();
const start = async (settings = []) => {
  const key = settings.join(' ');
  if (!servers.has(key)) servers.set(key, serve('--demo', ...realm, ...settings));
  return servers.get(key);
};
after(async () => { for (const s of servers.values()) await (await s).stop(); });

// Only the realm's address is named: the paths below it are built into the client.
function clientOf(server, api, authType, more = {}) {
  const oauth2 = { host: server.url + '/auth/realms/alfresco', clientId: 'alfresco', secret: '', scope: 'openid', implicitFlow: false, redirectUri: '/', ...more };
  const client = new api.AlfrescoApi({ provider: 'BPM', hostBpm: server.url, contextRootBpm: 'activiti-app', authType, ...(authType === 'OAUTH' ? { oauth2 } : {}) });
  for (const e of [client, client.oauth2Auth, client.processAuth]) e?.on?.('error', () => {});
  return client;
}

const errorOf = async (promise) => { try { await promise; } catch (e) { return e; } throw new Error('no error came'); };

for (const { name, settings } of versions) {
  const api = require(name);
  let server;
  before(async () => { server = await start(settings); });
  const version = require(name + '/package.json').version;

  test(`js-api ${version}: password, API, refresh, logout`, async () => {
    const client = clientOf(server, api, 'OAUTH');
    await client.login(user, 'kermit');
    assert.equal(client.isLoggedIn(), true);

    const about = await new api.AboutApi(client).getAppVersion();
    assert.equal(about.type, 'bpmSuite');
    assert.equal(about.majorVersion, '24');

    const profile = await new api.UserProfileApi(client).getProfile();
    assert.equal(profile.id, 1001);
    assert.equal(profile.email, user);
    assert.equal(profile.firstName, 'Kermit');
    assert.ok(profile.created instanceof Date && Math.abs(Date.now() - profile.created) < 3_600_000, `created is ${profile.created}`);

    if (!version.startsWith('3.')) { // which has no userinfo
      const info = await client.oauth2Auth.getProfile();
      assert.equal(info.sub, '1001');
      assert.equal(info.preferred_username, user);
    }

    const before = client.oauth2Auth.getToken();
    const refreshed = await client.refreshToken();
    assert.notEqual(client.oauth2Auth.getToken(), before);
    assert.ok(refreshed);
    assert.equal((await new api.AboutApi(client).getAppVersion()).type, 'bpmSuite');

    await client.logout();
    assert.equal(client.isLoggedIn(), false);
  });

  test(`js-api ${version}: users, groups and a changed profile`, async () => {
    const client = clientOf(server, api, 'OAUTH');
    await client.login(user, 'kermit');
    const users = await new api.ActivitiGroupsApi(client).getGroups({ filter: 'nobody' });
    assert.equal(users.total, 0);
    const found = await new api.UsersApi(client).getUsers({ filter: 'fozz' });
    assert.equal(found.total, 1);
    assert.equal(found.data[0].email, 'fozzie@example.com');
    const changed = await new api.UserProfileApi(client).updateProfile({ firstName: 'Kermit', lastName: 'Frog', company: version });
    assert.equal(changed.company, version);
    await client.logout();
  });

  test(`js-api ${version}: a wrong password`, async () => {
    const { stdout } = await execFile(process.execPath, [new URL('wrong-password.mjs', import.meta.url).pathname, name, server.url]);
    const { refused, status, loggedIn } = JSON.parse(stdout.trim().split('\n').at(-1)); // 3.9 talks on the way
    assert.equal(refused, true);
    assert.equal(loggedIn, false);
    if (version.startsWith('10.')) assert.equal(status, 400); // older ones reject with undefined
  });

  test(`js-api ${version}: an administrator makes a user and a group`, async () => {
    const client = clientOf(server, api, 'OAUTH');
    await client.login('admin@app.activiti.com', 'admin');
    const tag = version.replaceAll('.', '');
    const made = await new api.AdminUsersApi(client).createNewUser({ email: `piggy${tag}@example.com`, firstName: 'Miss', lastName: 'Piggy', password: 'pig' });
    assert.ok(made.id > 1002);
    assert.equal(made.status, 'active');
    const group = await new api.AdminGroupsApi(client).createNewGroup({ name: `band ${tag}`, type: 1 });
    await new api.AdminGroupsApi(client).addGroupMember(group.id, made.id);
    const members = await new api.UsersApi(client).getUsers({ groupId: String(group.id) });
    assert.deepEqual(members.data.map((u) => u.id), [made.id]);
    await new api.AdminUsersApi(client).updateUserDetails(made.id, { status: 'inactive' });
    const list = await new api.AdminUsersApi(client).getUsers({ status: 'inactive', filter: `piggy${tag}` });
    assert.equal(list.total, 1);
    await client.logout();
  });

  test(`js-api ${version}: refusals have APS's form`, async () => {
    const client = clientOf(server, api, 'OAUTH');
    await client.login(user, 'kermit');
    const e = await errorOf(new api.AdminUsersApi(client).getUsers({}));
    assert.equal(e.status, 403);
    assert.equal(JSON.parse(e.message).messageKey, 'GENERAL.ERROR.FORBIDDEN');
  });
}

// Each way of these clients has a switch: with it they stay signed in, without it
// a strict server refuses them.
for (const { name, setting, secret = '', without } of [
  { name: '@alfresco/js-api', setting: 'sluice.oauth.refresh-without-client-id', without: { loggedIn: true, refreshed: false } },
  { name: '@alfresco/js-api', setting: 'sluice.oauth.ignore-bearer-at-token', without: { loggedIn: true, refreshed: false } },
  { name: 'jsapi9', setting: 'sluice.oauth.basic-without-colon', without: { loggedIn: true, refreshed: false } },
  { name: 'jsapi7', setting: 'sluice.oauth.ignore-public-client-secret', secret: 'dummyClientSecret', without: { loggedIn: false, refreshed: false } },
  { name: 'jsapi3', setting: 'sluice.oauth.token-parameters-in-query', without: { loggedIn: true, refreshed: false } },
]) {
  test(`${name} (${require(name + '/package.json').version}) needs ${setting}`, async () => {
    for (const value of [true, false]) {
      const server = await start(['--set', `${setting}=${value}`]);
      const { stdout } = await execFile(process.execPath, [new URL('refresh.mjs', import.meta.url).pathname, name, server.url, secret]);
      assert.deepEqual(JSON.parse(stdout.trim().split('\n').at(-1)), value ? { loggedIn: true, refreshed: true } : without, `${setting}=${value}`);
    }
  });
}

test('js-api 10: a wrong password is 401 where the server is set so', async () => {
  const server = await start(['--set', 'sluice.oauth.password-error-401=true']);
  const { stdout } = await execFile(process.execPath, [new URL('wrong-password.mjs', import.meta.url).pathname, '@alfresco/js-api', server.url]);
  assert.deepEqual(JSON.parse(stdout), { refused: true, status: 401, loggedIn: false });
});

test('js-api 10: the endpoints may be named instead of the realm', async () => {
  const server = await serve('--demo');
  after(() => server.stop());
  const api = require('@alfresco/js-api');
  const client = clientOf(server, api, 'OAUTH', { tokenUrl: server.url + '/oauth/token', userinfoEndpoint: server.url + '/oauth/userinfo', logoutUrl: server.url + '/logout' });
  await client.login(user, 'kermit');
  assert.equal((await client.oauth2Auth.getProfile()).preferred_username, user);
  await client.logout();
});
