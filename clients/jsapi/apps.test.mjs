// Every operation on apps and models that is built, through js-api 10: from an import to
// the landing page and back.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { serve } from '../serve.mjs';
import { zip } from '../zip.mjs';
import { api, bad, clientOf, forbidden, missing, realm, refusal } from './client.mjs';

let server, kermit, admin;

// visit is an app of a process, forms and a decision table.
const folder = new URL('../../internal/engine/testdata/visit/', import.meta.url);
const visit = new File([zip(readdirSync(folder, { recursive: true, withFileTypes: true }).filter((f) => f.isFile())
  .map((f) => [(f.parentPath.slice(folder.pathname.length) + '/' + f.name).replace(/^\/+/, ''), readFileSync(`${f.parentPath}/${f.name}`)]))], 'visit.zip');
const bpmn = (id, key = '') => new File([`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="t">
  <process id="${id}" name="Ask" isExecutable="true"><startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="u"/>
  <userTask id="u" name="Answer" activiti:assignee="$INITIATOR" activiti:formKey="${key}"/></process></definitions>`], 'ask.bpmn20.xml');
const download = async (path) => {
  const answer = await fetch(`${server.url}/activiti-app/api/enterprise/${path}`, { headers: { authorization: 'Bearer ' + admin.oauth2Auth.getToken() } });
  return [answer.status, Buffer.from(await answer.arrayBuffer())];
};
const landing = async (client) => (await new api.RuntimeAppDefinitionsApi(client).getAppDefinitions()).data;

before(async () => {
  server = await serve('--demo', ...realm);
  kermit = await clientOf(server, 'kermit@example.com', 'kermit');
  admin = await clientOf(server, 'admin@app.activiti.com', 'admin');
});
after(async () => { for (const c of [kermit, admin]) await c?.logout(); await server.stop(); });

test('the landing page has the tasks of all apps and what the command line has deployed', async () => {
  const apps = await landing(kermit);
  assert.deepEqual([apps.length, apps[0].defaultAppId, apps[0].id, apps[1].name, apps[1].defaultAppId, apps[1].tenantId], [2, 'tasks', null, 'demo', null, 1]);
  assert.ok(apps[1].deploymentId, 'ADF shows apps that have a deployment');
});

test('an app: import, publish, deploy, change, export', async () => {
  const definitions = new api.AppDefinitionsApi(admin), runtime = new api.RuntimeAppDefinitionsApi(admin);
  const made = await definitions.importAppDefinition(visit);
  assert.deepEqual([made.name, made.modelId, made.deploymentId], ['Visit', made.id, null]);
  assert.deepEqual(await refusal(new api.AppDefinitionsApi(kermit).importAppDefinition(visit)), forbidden);
  const published = await definitions.publishAppDefinition(made.id, { comment: 'first' });
  assert.deepEqual([published.error, published.appDefinition.id], [false, made.id]);
  assert.equal((await landing(kermit)).length, 2);
  await runtime.deployAppDefinitions({ appDefinitions: [{ id: published.appDefinition.id }] });
  const app = (await landing(kermit)).find((a) => a.modelId === made.id);
  assert.deepEqual([app.name, app.deploymentId], ['Visit', published.appDefinition.deploymentId]);
  assert.equal((await new api.RuntimeAppDefinitionsApi(kermit).getAppDefinition(app.id)).name, 'Visit');
  assert.deepEqual(await refusal(runtime.getAppDefinition(9999)), missing);

  const changed = await definitions.updateAppDefinition(made.id, { appDefinition: { name: 'Visits', theme: 'theme-4' }, publish: true });
  assert.deepEqual([changed.error, changed.appDefinition.name, changed.appDefinition.theme], [false, 'Visits', 'theme-4']);
  assert.equal((await definitions.getAppDefinition(made.id)).name, 'Visits');
  await definitions.exportAppDefinition(made.id);
  const [status, archive] = await download(`app-definitions/${made.id}/export`);
  assert.equal(status, 200);
  const again = await definitions.updateAppDefinition(made.id, new File([archive], 'visits.zip'));
  assert.deepEqual([again.id, again.name], [made.id, 'Visits']);
  const once = await definitions.importAndPublishApp(new File([archive], 'visits.zip'));
  assert.deepEqual([once.error, once.appDefinition.name], [false, 'Visits']);
  assert.equal((await landing(kermit)).filter((a) => a.name === 'Visits').length, 2);
  await definitions.deleteAppDefinition(once.appDefinition.id);
  assert.deepEqual(await refusal(definitions.getAppDefinition(once.appDefinition.id)), missing);
  const broken = await definitions.importAndPublishApp(new File([zip([['bpmn-models/x-1.bpmn20.xml', '<definitions><nothing']])], 'x.zip'));
  assert.deepEqual([broken.error, broken.errorType, broken.messageKey], [true, 2, 'GENERAL.ERROR.BAD-REQUEST']);
  assert.match(broken.errorDescription, /x-1\.bpmn20\.xml/);
  assert.deepEqual(await refusal(definitions.importAppDefinition(new File(['no archive'], 'x.zip'))), bad);
});

test('deployments of apps', async () => {
  const deployments = new api.RuntimeAppDeploymentsApi(admin);
  const list = await deployments.getAppDefinitions({ nameLike: 'visit', latest: false, sort: 'id', order: 'asc', start: 0, size: 10 });
  assert.deepEqual([list.total, list.size, list.start], [3, 3, 0]);
  const [first] = list.data;
  assert.deepEqual([first.appDefinition.name, first.createdBy.email], ['Visits', 'admin@app.activiti.com']);
  assert.ok(first.created instanceof Date);
  assert.equal((await deployments.getAppDefinitions({ nameLike: 'visit', latest: true })).total, 2);
  assert.equal((await deployments.getAppDeployment(first.id)).deploymentId, first.deploymentId);
  assert.equal((await deployments.getRuntimeAppDeploymentByDeployment({ deploymentId: first.deploymentId })).id, first.id);
  await deployments.exportAppDefinition(first.deploymentId);
  const [status, archive] = await download(`export-app-deployment/${first.deploymentId}`);
  assert.deepEqual([status, archive.subarray(0, 2).toString()], [200, 'PK']);
  assert.deepEqual(await refusal(new api.RuntimeAppDeploymentsApi(kermit).deleteAppDeployment(first.id)), forbidden);
  await deployments.deleteAppDeployment(first.id);
  assert.deepEqual(await refusal(deployments.getAppDeployment(first.id)), missing);
});

test('processes and apps of one\'s own', async () => {
  const models = new api.ModelsApi(admin), history = new api.ModelsHistoryApi(admin), xml = new api.ModelsBpmnApi(admin);
  const process = await models.importProcessModel(bpmn('ask'));
  assert.deepEqual([process.name, process.modelType, process.version, process.createdByFullName], ['Ask', 0, 1, 'Ada Administrator']);
  assert.ok(process.lastUpdated instanceof Date);
  assert.match(String(await xml.getProcessModelBpmn20Xml(process.id)), /<process id="ask"/);
  assert.equal((await models.importNewVersion(process.id, bpmn('ask2'))).version, 2);
  const versions = await history.getModelHistoryCollection(process.id, { includeLatestVersion: true });
  assert.deepEqual(versions.data.map((v) => [v.version, v.latestVersion]), [[2, true], [1, false]]);
  const old = versions.data[1].id;
  assert.equal((await history.getProcessModelHistory(process.id, old)).version, 1);
  assert.match(String(await xml.getHistoricProcessModelBpmn20Xml(process.id, old)), /<process id="ask"/);
  await models.getModelThumbnail(process.id);
  assert.equal((await models.duplicateModel(process.id, { name: 'Twin' })).name, 'Twin');
  assert.equal((await models.updateModel(process.id, { name: 'Asking' })).name, 'Asking');
  assert.ok((await models.getModelsToIncludeInAppDefinition()).data.some((m) => m.id === process.id));
  const imported = (await models.getModels({ modelType: 0, filter: 'myProcesses', sort: 'nameAsc' })).data.find((m) => m.name === 'Visit');
  assert.deepEqual(await refusal(models.getModelJSON(process.id)), missing);
  assert.equal(imported.latestVersion, true);

  const app = await models.createModel({ name: 'Questions', description: 'all', modelType: 3 });
  const published = await new api.AppDefinitionsApi(admin).updateAppDefinition(app.id, { appDefinition: { definition: { models: [{ id: process.id }] } }, publish: true });
  assert.deepEqual([published.error, published.appDefinition.name], [false, 'Questions']);
  assert.equal(JSON.parse(JSON.stringify(await models.getModelJSON(app.id))).name, 'Questions');
  assert.deepEqual(await refusal(new api.ModelsApi(kermit).getModel(app.id)), forbidden);
  await models.deleteModel(app.id, { cascade: true, deleteRuntimeApp: true });
  assert.deepEqual(await refusal(models.getModel(app.id)), missing);
});

test('forms as ADF makes them', async () => {
  const models = new api.ModelsApi(kermit), forms = new api.FormModelsApi(kermit);
  const made = await models.createModel({ name: 'Why', description: '', modelType: 2, stencilSet: 0 });
  assert.deepEqual([made.name, made.modelType, made.version], ['Why', 2, 1]);
  assert.equal((await models.getModel(made.id, { includePermissions: true })).permission, 'write');
  const field = { fieldType: 'FormFieldRepresentation', id: 'why', name: 'Why', type: 'text' };
  const saved = await forms.saveForm(made.id, { reusable: true, newVersion: true, comment: 'a field', formImageBase64: '',
    formRepresentation: { id: made.id, name: 'Why not', description: 'x', version: 1, lastUpdatedBy: 1, lastUpdated: new Date(), formDefinition: { fields: [field], outcomes: [] } } });
  assert.deepEqual([saved.name, saved.version, saved.formDefinition.fields[0].id], ['Why not', 2, 'why']);
  assert.equal((await forms.getForm(made.id)).lastUpdatedByFullName, 'Kermit Frog');
  const [old] = (await new api.ModelsHistoryApi(kermit).getModelHistoryCollection(made.id, {})).data;
  assert.equal((await forms.getFormHistory(made.id, old.id)).name, 'Why');
  const reusable = await models.getModels({ filter: 'myReusableForms', modelType: 2, sort: 'modifiedDesc' });
  assert.deepEqual([reusable.total, reusable.data[0].id], [1, made.id]);
  assert.deepEqual(await refusal(new api.FormModelsApi(kermit).getForm(9999)), missing);
  assert.throws(() => forms.getForms(String(made.id)), TypeError); // js-api takes the text for a list
  const asked = await fetch(`${server.url}/activiti-app/api/enterprise/editor/form-models/values?formId=${made.id}&formId=9999`,
    { headers: { authorization: 'Bearer ' + kermit.oauth2Auth.getToken() } });
  assert.deepEqual((await asked.json()).data.map((f) => f.name), ['Why not']);
  assert.equal((await forms.getForms()).total, 1);
});
