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
let server;
before(async () => { server = await serve('--demo'); });
after(() => server?.stop());

function clientOf(api, authType) {
  const oauth2 = { host: server.url, clientId: 'alfresco', secret: '', scope: 'openid', implicitFlow: false, redirectUri: '/',
    tokenUrl: server.url + '/oauth/token', userinfoEndpoint: server.url + '/oauth/userinfo', logoutUrl: server.url + '/logout' };
  const client = new api.AlfrescoApi({ provider: 'BPM', hostBpm: server.url, contextRootBpm: 'activiti-app', authType, ...(authType === 'OAUTH' ? { oauth2 } : {}) });
  for (const e of [client, client.oauth2Auth, client.processAuth]) e?.on?.('error', () => {});
  return client;
}

const errorOf = async (promise) => { try { await promise; } catch (e) { return e; } throw new Error('no error came'); };

for (const name of ['@alfresco/js-api', 'jsapi7']) {
  const api = require(name);
  const version = require(name + '/package.json').version;

  test(`js-api ${version}: password, API, refresh, logout`, async () => {
    const client = clientOf(api, 'OAUTH');
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

    const info = await client.oauth2Auth.getProfile();
    assert.equal(info.sub, '1001');
    assert.equal(info.preferred_username, user);

    const before = client.oauth2Auth.getToken();
    const refreshed = await client.refreshToken();
    assert.notEqual(client.oauth2Auth.getToken(), before);
    assert.ok(refreshed);
    assert.equal((await new api.AboutApi(client).getAppVersion()).type, 'bpmSuite');

    await client.logout();
    assert.equal(client.isLoggedIn(), false);
  });

  test(`js-api ${version}: users, groups and a changed profile`, async () => {
    const client = clientOf(api, 'OAUTH');
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
    const { refused, status, loggedIn } = JSON.parse(stdout);
    assert.equal(refused, true);
    assert.equal(loggedIn, false);
    if (version.startsWith('10.')) assert.equal(status, 400); // older ones reject with undefined
  });

  test(`js-api ${version}: an administrator makes a user and a group`, async () => {
    const client = clientOf(api, 'OAUTH');
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
    const client = clientOf(api, 'OAUTH');
    await client.login(user, 'kermit');
    const e = await errorOf(new api.AdminUsersApi(client).getUsers({}));
    assert.equal(e.status, 403);
    assert.equal(JSON.parse(e.message).messageKey, 'GENERAL.ERROR.FORBIDDEN');
  });
}
