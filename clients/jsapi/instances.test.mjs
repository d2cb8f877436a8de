// Process definitions and instances, as ADF and the mobile apps use them, through js-api 10.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { serve } from '../serve.mjs';
import { api, bad, clientOf, forbidden, missing, realm, refusal } from './client.mjs';

const trip = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="travel">
  <process id="trip" name="Trip" isExecutable="true"><documentation>Somebody travels</documentation>
    <startEvent id="s"/><sequenceFlow id="a" sourceRef="s" targetRef="plan"/>
    <userTask id="plan" name="Plan" activiti:assignee="$INITIATOR"/><sequenceFlow id="b" sourceRef="plan" targetRef="e"/><endEvent id="e"/>
  </process></definitions>`;
let server, kermit, fozzie, admin, trips, id;

before(async () => {
  server = await serve('--demo', ...realm);
  [kermit, fozzie, admin] = [await clientOf(server, 'kermit@example.com', 'kermit'), await clientOf(server, 'fozzie@example.com', 'fozzie'), await clientOf(server, 'admin@app.activiti.com', 'admin')];
  const form = new FormData();
  form.append('file', new Blob([trip]), 'trip.bpmn20.xml');
  const headers = { authorization: 'Bearer ' + admin.oauth2Auth.getToken() };
  assert.equal((await fetch(server.url + '/activiti-app/api/repository/deployments', { method: 'POST', headers, body: form })).status, 201);
});
after(async () => { for (const c of [kermit, fozzie, admin]) await c?.logout(); await server.stop(); });

test('definitions', async () => {
  const definitions = new api.ProcessDefinitionsApi(kermit);
  const list = await definitions.getProcessDefinitions({ latest: true });
  trips = list.data.find((d) => d.key === 'trip');
  assert.deepEqual([trips.name, trips.description, trips.category, trips.version, trips.tenantId, trips.hasStartForm], ['Trip', 'Somebody travels', 'travel', 1, 'tenant_1', false]);
  assert.equal((await definitions.getProcessDefinitions({ deploymentId: trips.deploymentId })).total, 1);
  assert.equal((await definitions.getProcessDefinitions({ appDefinitionId: 99 })).total, 0);
});

test('start and read', async () => {
  const instances = new api.ProcessInstancesApi(kermit);
  const started = await instances.startNewProcessInstance({ processDefinitionId: trips.id, name: 'To Oslo', businessKey: 'O-1', values: { city: 'Oslo' }, variables: [{ name: 'days', type: 'integer', value: 3 }] });
  id = started.id;
  assert.deepEqual([started.name, started.businessKey, started.processDefinitionKey, started.processDefinitionVersion, started.startedBy.email, started.ended], ['To Oslo', 'O-1', 'trip', 1, 'kermit@example.com', undefined]);
  assert.ok(started.started instanceof Date && Math.abs(Date.now() - started.started) < 60_000);
  assert.deepEqual(started.variables.map((v) => [v.name, v.type, v.value]), [['city', 'string', 'Oslo'], ['days', 'integer', 3]]);
  assert.equal((await instances.getProcessInstance(id)).name, 'To Oslo');
  assert.deepEqual(await refusal(new api.ProcessInstancesApi(fozzie).getProcessInstance(id)), missing);
  assert.deepEqual(await refusal(instances.startNewProcessInstance({ name: 'x' })), bad);
});

test('search', async () => {
  const instances = new api.ProcessInstancesApi(kermit);
  const found = await instances.getProcessInstances({ processDefinitionId: trips.id, state: 'running', sort: 'created-desc', page: 0, size: 5 });
  assert.deepEqual([found.total, found.size, found.start, found.data[0].id, found.data[0].processDefinitionName], [1, 1, 0, id, 'Trip']);
  assert.equal((await instances.getProcessInstances({ processDefinitionId: trips.id, state: 'completed' })).total, 0);
  assert.deepEqual(await refusal(instances.getProcessInstances({ state: 'none' })), bad);
  const filters = new api.UserFiltersApi(kermit);
  const { id: filterId } = await filters.createUserProcessInstanceFilter({ name: 'Mine', filter: { state: 'running', sort: 'created-asc', processDefinitionId: trips.id } });
  assert.equal((await instances.filterProcessInstances({ filterId, page: 0, size: 5 })).data[0].id, id);
  assert.equal((await instances.filterProcessInstances({ filter: { state: 'completed', processDefinitionId: trips.id } })).total, 0);
  const history = await instances.getHistoricProcessInstances({ processDefinitionKey: 'trip', includeProcessVariables: true });
  assert.deepEqual([history.total, history.data[0].variables.length], [1, 2]);
});

test('variables', async () => {
  const variables = new api.ProcessInstanceVariablesApi(kermit);
  const set = await variables.createOrUpdateProcessInstanceVariables(id, [{ name: 'days', type: 'integer', value: 4 }, { name: 'paid', type: 'boolean', value: false, scope: 'global' }]);
  assert.deepEqual(set.map((v) => [v.name, v.value]), [['days', 4], ['paid', false]]);
  assert.equal((await variables.updateProcessInstanceVariable(id, 'paid', { name: 'paid', type: 'boolean', value: true })).value, true);
  assert.equal((await variables.getProcessInstanceVariable(id, 'paid')).value, true);
  assert.equal((await variables.getProcessInstanceVariables(id)).length, 3);
  await variables.deleteProcessInstanceVariable(id, 'paid');
  assert.deepEqual(await refusal(variables.getProcessInstanceVariable(id, 'paid')), missing);
  assert.deepEqual((await new api.ProcessInstancesApi(kermit).getHistoricProcessInstanceVariables(id)).map((v) => [v.id, v.type, v.value]), [['city', 'string', 'Oslo'], ['days', 'integer', 4]]);
  assert.deepEqual(await refusal(new api.ProcessInstanceVariablesApi(fozzie).getProcessInstanceVariables(id)), missing);
});

test('people of an instance', async () => {
  const instances = new api.ProcessInstancesApi(kermit);
  const me = String((await new api.UserProfileApi(fozzie).getProfile()).id);
  const before = await instances.getIdentityLinks(id);
  assert.deepEqual(before.map((l) => l.type).sort(), ['participant', 'starter']);
  assert.deepEqual(await instances.createIdentityLink(id, { user: me, type: 'participant' }), { user: me, group: null, type: 'participant' });
  assert.equal((await instances.getIdentityLinksForFamily(id, 'users')).length, 3);
  assert.equal((await instances.getIdentityLinkType(id, 'users', me, 'participant')).user, me);
  assert.equal((await new api.ProcessInstancesApi(fozzie).getProcessInstance(id)).id, id);
  assert.deepEqual(await refusal(new api.ProcessInstancesApi(fozzie).deleteProcessInstance(id)), forbidden);
  await instances.deleteIdentityLink(id, 'users', me, 'participant');
  assert.deepEqual(await refusal(new api.ProcessInstancesApi(fozzie).getProcessInstance(id)), missing);
});

test('who may start', async () => {
  const links = new api.ProcessDefinitionsApi(admin);
  const me = String((await new api.UserProfileApi(kermit).getProfile()).id);
  assert.deepEqual(await refusal(new api.ProcessDefinitionsApi(kermit).createIdentityLink(trips.id, { user: me })), forbidden);
  assert.equal((await links.createIdentityLink(trips.id, { user: me, type: 'candidate' })).user, me);
  assert.equal((await links.getIdentityLinks(trips.id)).length, 1);
  assert.equal((await links.getIdentityLinksForFamily(trips.id, 'users'))[0].type, 'candidate');
  assert.equal((await links.getIdentityLinkType(trips.id, 'users', me)).user, me);
  assert.deepEqual(await refusal(new api.ProcessInstancesApi(fozzie).startNewProcessInstance({ processDefinitionId: trips.id })), forbidden);
  await links.deleteIdentityLink(trips.id, 'users', me);
  assert.equal((await links.getIdentityLinks(trips.id)).length, 0);
});

test('suspension, audit, drawing', async () => {
  const instances = new api.ProcessInstancesApi(kermit), managed = new api.ProcessInstancesApi(admin);
  assert.deepEqual(await refusal(instances.suspendProcessInstance(id)), forbidden);
  assert.equal((await managed.suspendProcessInstance(id)).suspended, true);
  assert.equal((await managed.activateProcessInstance(id)).suspended, false);
  const audit = await instances.getTaskAuditLog(id);
  assert.deepEqual([audit.processInstanceId, audit.processInstanceName, audit.processDefinitionName, audit.processDefinitionVersion], [id, 'To Oslo', 'Trip', '1']);
  assert.match(audit.processInstanceStartTime, /^[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d UTC \d{4}$/);
  assert.deepEqual(audit.entries.map((e) => [e.index, e.type, e.activityId, e.taskAssignee]), [[1, 'activityExecuted', 's', null], [2, 'taskCreated', 'plan', 'Kermit Frog']]);
  assert.match(String(await instances.getProcessInstanceDiagram(id)), /<svg/);
  const head = async (blob) => (typeof blob?.text === 'function' ? await blob.text() : String(blob)).slice(0, 5);
  assert.equal(await head(await instances.getProcessAuditPdf(id)), '%PDF-');
  const [plan] = (await new api.TasksApi(kermit).listTasks({ processInstanceId: id })).data;
  assert.equal(await head(await new api.TasksApi(kermit).getTaskAuditPdf(plan.id)), '%PDF-');
});

test('drawn by the client', async () => {
  const drawings = new api.ModelJsonBpmnApi(kermit), instances = new api.ProcessInstancesApi(kermit);
  const { data: [one] } = await instances.getProcessInstances({ page: 0, size: 1, state: 'running' });
  const model = await drawings.getModelJSON(one.processDefinitionId), now = await drawings.getModelJSONForProcessDefinition(one.id);
  assert.ok(model.elements.some((e) => e.type === 'StartEvent') && model.flows.every((f) => f.waypoints.length > 1) && model.diagramWidth > 0);
  assert.equal(now.elements.filter((e) => e.completed).length, now.completedActivities.length);
  assert.equal(now.elements.filter((e) => e.current).length, now.currentActivities.length);
  assert.deepEqual(await refusal(drawings.getModelJSON('none')), missing);
});

test('cancel, and delete what is kept', async () => {
  const instances = new api.ProcessInstancesApi(kermit);
  await instances.deleteProcessInstance(id);
  assert.ok((await instances.getProcessInstance(id)).ended instanceof Date);
  assert.equal((await instances.getProcessInstances({ state: 'completed', sort: 'ended-desc' })).data[0].id, id);
  await instances.deleteProcessInstance(id);
  assert.deepEqual(await refusal(instances.getProcessInstance(id)), missing);
});
