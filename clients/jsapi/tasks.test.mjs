// Every operation on tasks that is built, and the comments on instances, through js-api 10
// as ADF calls it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { serve } from '../serve.mjs';
import { api, bad, clientOf, forbidden, missing, realm, refusal } from './client.mjs';

let server, kermit, fozzie, admin, group, instance, write;

const names = (page) => page.data.map((t) => t.name);
// engine calls Activiti's own API, which js-api does not have.
const engine = async (client, method, path, body) => {
  const headers = { authorization: 'Bearer ' + client.oauth2Auth.getToken(), ...(body instanceof FormData ? {} : { 'content-type': 'application/json' }) };
  const answer = await fetch(`${server.url}/activiti-app/api/${path}`, { method, headers, body: body instanceof FormData ? body : body && JSON.stringify(body) });
  assert.ok(answer.status < 300, `${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
};
const office = (group) => `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="cat">
  <process id="desk" name="Desk" isExecutable="true"><startEvent id="s"/><sequenceFlow id="a" sourceRef="s" targetRef="write"/>
    <userTask id="write" name="Write" activiti:assignee="$INITIATOR"/><sequenceFlow id="b" sourceRef="write" targetRef="check"/>
    <userTask id="check" name="Check" activiti:candidateGroups="${group}"/><sequenceFlow id="c" sourceRef="check" targetRef="e"/><endEvent id="e"/></process></definitions>`;

before(async () => {
  server = await serve('--demo', ...realm);
  kermit = await clientOf(server, 'kermit@example.com', 'kermit');
  fozzie = await clientOf(server, 'fozzie@example.com', 'fozzie');
  admin = await clientOf(server, 'admin@app.activiti.com', 'admin');
  const groups = new api.AdminGroupsApi(admin);
  group = await groups.createNewGroup({ name: 'Checkers', type: 1 });
  await groups.addGroupMember(group.id, 1002);
  const form = new FormData();
  form.append('file', new Blob([office(group.id)]), 'desk.bpmn20.xml');
  await engine(admin, 'POST', 'repository/deployments', form);
  instance = await engine(kermit, 'POST', 'runtime/process-instances', { processDefinitionKey: 'desk', name: 'No 1', variables: [{ name: 'n', type: 'integer', value: 5 }] });
});
after(async () => { for (const c of [kermit, fozzie, admin]) await c?.logout(); await server.stop(); });

test('lists', async () => {
  const tasks = new api.TasksApi(kermit);
  const page = await tasks.listTasks({ processInstanceId: instance.id, includeProcessInstance: true });
  write = page.data[0];
  assert.deepEqual([page.total, page.size, page.start, write.name, write.processInstanceName, write.assignee.email], [1, 1, 0, 'Write', 'No 1', 'kermit@example.com']);
  assert.ok(write.created instanceof Date && Math.abs(Date.now() - write.created) < 600_000);
  for (const name of ['Milk', 'Bread']) await tasks.createNewTask({ name, category: '7', dueDate: new Date('2026-03-01T00:00:00.000Z') });
  assert.deepEqual(names(await tasks.listTasks({ assignment: 'assignee', state: 'open', sort: 'created-asc', page: 0, size: 2, start: 0 })), ['Write', 'Milk']);
  assert.deepEqual(names(await tasks.listTasks({ assignment: 'assignee', sort: 'created-asc', page: 1, size: 2 })), ['Bread']);
  assert.deepEqual(names(await tasks.listTasks({ appDefinitionId: 7, text: 'ILK' })), ['Milk']);
  assert.deepEqual(names(await tasks.listTasks({ dueAfter: new Date('2026-02-01'), dueBefore: new Date('2026-04-01'), sort: 'due-asc' })), ['Milk', 'Bread']);
  assert.deepEqual(names(await tasks.listTasks({ state: 'completed' })), []);
  assert.equal((await new api.TasksApi(fozzie).listTasks({ assignment: 'candidate' })).total, 0);
  assert.deepEqual(await refusal(tasks.listTasks({ assignment: 'group_x' })), bad);
});

test('filters', async () => {
  const tasks = new api.TasksApi(kermit), filters = new api.UserFiltersApi(kermit);
  assert.deepEqual(names(await tasks.filterTasks({ page: 0, size: 5, filter: { sort: 'created-asc', name: '', state: 'open', assignment: 'involved' } })), ['Write', 'Milk', 'Bread']);
  const kept = await filters.createUserTaskFilter({ name: 'Milk', appId: 7, index: 0, recent: false, icon: 'x', filter: { name: 'milk', sort: 'created-desc', state: 'open', assignment: 'involved' } });
  assert.deepEqual(names(await tasks.filterTasks({ filterId: kept.id })), ['Milk']);
  assert.deepEqual(await refusal(tasks.filterTasks({})), bad);
  assert.deepEqual(await refusal(tasks.filterTasks({ filterId: 99 })), missing);
});

test('a task of one\'s own', async () => {
  const tasks = new api.TasksApi(kermit);
  const made = await tasks.createNewTask({ name: 'Eggs', description: 'six' });
  assert.deepEqual([made.name, made.description, made.assignee.id, made.processInstanceId, made.priority], ['Eggs', 'six', 1001, null, 50]);
  const due = new Date('2026-01-11T22:59:59.123Z');
  const changed = await tasks.updateTask(made.id, { name: 'Ten eggs', description: 'brown', dueDate: due, priority: 10, formKey: '100' });
  assert.deepEqual([changed.name, changed.description, changed.dueDate.getTime(), changed.priority, changed.formKey], ['Ten eggs', 'brown', due.getTime(), 10, '100']);
  assert.deepEqual([(await tasks.updateTask(made.id, { dueDateSet: true })).dueDate, (await tasks.getTask(made.id)).name], [undefined, 'Ten eggs']);
  assert.deepEqual(await refusal(tasks.createNewTask({})), bad);
  assert.deepEqual(await refusal(new api.TasksApi(fozzie).getTask(made.id)), forbidden);
  await tasks.deleteTask(made.id);
  assert.deepEqual(await refusal(tasks.deleteTask(made.id)), missing);
  assert.deepEqual(await refusal(tasks.deleteTask(write.id)), forbidden);
  assert.deepEqual(await refusal(tasks.getTask('none')), missing);
});

test('variables', async () => {
  const variables = new api.TaskVariablesApi(kermit);
  assert.deepEqual(await variables.createTaskVariable(write.id, { name: 'note', type: 'string', value: '<b>', scope: 'local' }), { name: 'note', type: 'string', value: '<b>', scope: 'local' });
  assert.deepEqual((await variables.getVariables(write.id, {})).map((v) => [v.name, v.scope, v.value]), [['n', 'global', 5], ['note', 'local', '<b>']]);
  assert.deepEqual((await variables.getVariables(write.id, { scope: 'local' })).map((v) => v.name), ['note']);
  assert.equal((await variables.updateVariable(write.id, 'n', { name: 'n', type: 'integer', value: 6, scope: 'global' })).value, 6);
  assert.equal((await variables.getVariable(write.id, 'n', { scope: 'global' })).value, 6);
  assert.deepEqual(await refusal(variables.createTaskVariable(write.id, { name: 'note', value: 1 })), [409, 'GENERAL.ERROR.BAD-REQUEST']);
  const shown = (await new api.TasksApi(kermit).listTasks({ taskId: write.id, includeProcessVariables: true, includeTaskLocalVariables: true })).data[0];
  assert.deepEqual(shown.variables.map((v) => v.name), ['note', 'n']);
  await variables.deleteVariable(write.id, 'note', {});
  assert.deepEqual(await refusal(variables.getVariable(write.id, 'note', {})), missing);
  await variables.createTaskVariable(write.id, { name: 'other', value: true });
  await variables.deleteAllLocalTaskVariables(write.id);
  assert.deepEqual((await variables.getVariables(write.id, { scope: 'local' })).length, 0);
  assert.deepEqual(await refusal(new api.TaskVariablesApi(fozzie).getVariables(write.id, {})), forbidden);
});

test('a checklist', async () => {
  const lists = new api.ChecklistsApi(kermit);
  const [a, b] = [await lists.addSubtask(write.id, { name: 'First', assignee: { id: 1002 } }), await lists.addSubtask(write.id, { name: 'Second' })];
  assert.deepEqual([a.parentTaskId, a.parentTaskName, a.assignee.id, b.assignee.id], [write.id, 'Write', 1002, 1001]);
  assert.deepEqual(names(await lists.getChecklist(write.id)), ['First', 'Second']);
  await lists.orderChecklist(write.id, { order: [b.id, a.id] });
  const list = await lists.getChecklist(write.id);
  assert.deepEqual([list.total, names(list)], [2, ['Second', 'First']]);
  assert.deepEqual(await refusal(lists.orderChecklist(write.id, { order: ['none'] })), bad);
});

test('comments', async () => {
  const comments = new api.ActivitiCommentsApi(kermit), html = '<img src=x onerror=alert(1)>';
  const said = await comments.addTaskComment({ message: html }, write.id);
  assert.deepEqual([said.message, said.createdBy.id], [html, 1001]);
  assert.ok(said.created instanceof Date);
  await comments.addProcessInstanceComment({ message: 'Second' }, instance.id);
  assert.deepEqual((await comments.getTaskComments(write.id, {})).data.map((c) => c.message), [html]);
  assert.deepEqual((await comments.getProcessInstanceComments(instance.id, { latestFirst: true })).data.map((c) => c.message), ['Second', html]);
  assert.deepEqual((await comments.getProcessInstanceComments(instance.id, { latestFirst: false })).total, 2);
  assert.deepEqual(await refusal(comments.addTaskComment({ message: '' }, write.id)), bad);
  assert.deepEqual(await refusal(new api.ActivitiCommentsApi(fozzie).getTaskComments(write.id, {})), forbidden);
});

test('actions, links, audit and history', async () => {
  const mine = new api.TaskActionsApi(kermit), his = new api.TaskActionsApi(fozzie), tasks = new api.TasksApi(fozzie);
  assert.deepEqual(await refusal(his.completeTask(write.id)), forbidden);
  await mine.completeTask(write.id);
  assert.deepEqual(await refusal(mine.completeTask(write.id)), missing);
  const check = (await tasks.listTasks({ assignment: `group_${group.id}` })).data[0];
  assert.deepEqual([check.name, check.memberOfCandidateGroup, check.assignee], ['Check', true, null]);
  assert.deepEqual(await tasks.getIdentityLinks(check.id), [{ group: String(group.id), user: null, type: 'candidate' }]);
  await his.claimTask(check.id);
  await his.unclaimTask(check.id);
  await his.claimTask(check.id);
  await his.involveUser(check.id, { userId: '1' });
  assert.deepEqual((await tasks.getTask(check.id)).involvedPeople.map((p) => p.id), [1]);
  await his.removeInvolvedUser(check.id, { userId: '1' });
  assert.deepEqual((await tasks.getTask(check.id)).involvedPeople, []);
  const readers = await new api.AdminGroupsApi(admin).createNewGroup({ name: 'Readers', type: 1 });
  await his.involveGroup(check.id, String(readers.id));
  assert.deepEqual((await tasks.getTask(check.id)).involvedGroups.map((g) => g.name), ['Checkers', 'Readers']);
  assert.deepEqual(await tasks.createIdentityLink(check.id, { user: '1', type: 'customType' }), { group: null, user: '1', type: 'customType' });
  assert.deepEqual(await tasks.getIdentityLinksForFamily(check.id, 'groups'), [{ group: String(group.id), user: null, type: 'candidate' }, { group: String(readers.id), user: null, type: 'participant' }]);
  assert.deepEqual(await tasks.getIdentityLinkType(check.id, 'users', '1', 'customType'), { group: null, user: '1', type: 'customType' });
  await tasks.deleteIdentityLink(check.id, 'users', '1', 'customType');
  assert.deepEqual(await refusal(tasks.getIdentityLinkType(check.id, 'users', '1', 'customType')), missing);
  await his.delegateTask(check.id, { userId: '1001' });
  assert.deepEqual(await refusal(mine.completeTask(check.id)), [409, 'GENERAL.ERROR.BAD-REQUEST']);
  await mine.resolveTask(check.id);
  const assigned = await his.assignTask(check.id, { assignee: '1001' });
  assert.deepEqual([assigned.assignee.id, assigned.involvedPeople.map((p) => p.id)], [1001, [1002]]);
  await mine.completeTask(check.id);

  const audit = await new api.TasksApi(kermit).getTaskAuditLog(write.id);
  assert.deepEqual([audit.taskId, audit.taskName, audit.processDefinitionName, audit.processDefinitionVersion, audit.comments.length], [write.id, 'Write', 'Desk', 1, 1]);
  assert.match(audit.startTime, /^\w{3} \w{3} \d\d \d\d:\d\d:\d\d UTC \d{4}$/);
  const past = await new api.TasksApi(kermit).listHistoricTasks({ finished: true, processInstanceId: instance.id, sort: 'endTime', order: 'asc', size: 50, start: 0 });
  assert.deepEqual([past.total, names(past)], [2, ['Write', 'Check']]);
  assert.ok(past.data[0].endDate instanceof Date && past.data[0].duration >= 0);
  assert.equal((await new api.TasksApi(kermit).listTasks({ state: 'completed', processInstanceId: instance.id })).total, 2);
});
