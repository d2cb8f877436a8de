// Every operation on forms that is built, through js-api 10 as ADF calls it: forms of
// tasks, forms that start a process, deployed ones and what was submitted.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { serve } from '../serve.mjs';
import { zip } from '../zip.mjs';
import { api, bad, clientOf, forbidden, missing, realm, refusal } from './client.mjs';

let server, service, kermit, fozzie, admin, app, loan, number, instance, task, submitted;
const asked = [];

const plain = (answer) => JSON.parse(JSON.stringify(answer));
const valuesOf = (form) => Object.fromEntries(form.fields.flatMap((c) => Object.values(c.fields).flat()).map((f) => [f.id, f.value]));

// loan is an app of one process, whose start and whose task have the same form. Two of its
// fields ask the service for their choices.
const archive = (service) => {
  const fields = [
    { id: 'name', name: 'Name', type: 'text', required: true, minLength: 2, maxLength: 9 },
    { id: 'amount', name: 'Amount', type: 'integer', minValue: '10', maxValue: '20000' },
    { id: 'country', name: 'Country', type: 'dropdown', options: [{ id: 'de', name: 'Germany' }, { id: 'fr', name: 'France' }] },
    { id: 'who', name: 'Who', type: 'people' },
    { id: 'papers', name: 'Papers', type: 'upload', params: { multiple: true } },
    { id: 'city', name: 'City', type: 'typeahead', optionType: 'rest', restUrl: `${service}/cities?of=\${country}`, restIdProperty: 'code', restLabelProperty: 'label' },
    { id: 'rows', name: 'Rows', type: 'dynamic-table', columnDefinitions: [{ id: 'item', name: 'Item', type: 'String' }, { id: 'kind', name: 'Kind', type: 'Dropdown', optionType: 'rest', restUrl: `${service}/kinds` }] },
  ];
  const form = { referenceId: 5, name: 'Loan', description: 'What a bank asks', editorJson: { tabs: [], outcomes: [{ id: null, name: 'Approve' }, { id: null, name: 'Reject' }], variables: [],
    fields: [{ fieldType: 'ContainerRepresentation', id: 'c1', type: 'container', name: 'Label', numberOfColumns: 1, fields: { 1: fields } }] } };
  return new File([zip([
    ['Bank.json', '{"name":"Bank","definition":{"models":[{"id":4,"name":"Loan","modelType":0}]}}'],
    ['bpmn-models/Loan-4.bpmn20.xml', `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="bank">
      <process id="loan" name="Loan" isExecutable="true"><startEvent id="s" activiti:formKey="5"/><sequenceFlow id="a" sourceRef="s" targetRef="check"/>
      <userTask id="check" name="Check" activiti:assignee="$INITIATOR" activiti:formKey="5"/><sequenceFlow id="b" sourceRef="check" targetRef="e"/><endEvent id="e"/></process></definitions>`],
    ['form-models/Loan-5.json', JSON.stringify(form)],
  ])], 'bank.zip');
};

before(async () => {
  service = createServer((request, response) => {
    asked.push(request.url);
    response.end(JSON.stringify(request.url.startsWith('/cities') ? [{ code: 1, label: 'Berlin' }, { code: 'hh', label: 'Hamburg' }] : ['small', 'large']));
  }).listen(0, '127.0.0.1');
  await once(service, 'listening');
  const address = `http://127.0.0.1:${service.address().port}`;
  server = await serve('--demo', ...realm, '--set', `sluice.rest-call.allow=${address}`, '--set', 'sluice.rest-call.private=127.0.0.0/8');
  [kermit, fozzie, admin] = [await clientOf(server, 'kermit@example.com', 'kermit'), await clientOf(server, 'fozzie@example.com', 'fozzie'), await clientOf(server, 'admin@app.activiti.com', 'admin')];
  const published = await new api.AppDefinitionsApi(admin).importAndPublishApp(archive(address));
  assert.equal(published.error, false, published.errorDescription);
  await new api.RuntimeAppDefinitionsApi(admin).deployAppDefinitions({ appDefinitions: [{ id: published.appDefinition.id }] });
  app = (await new api.RuntimeAppDefinitionsApi(kermit).getAppDefinitions()).data.find((a) => a.name === 'Bank');
  loan = (await new api.ProcessDefinitionsApi(kermit).getProcessDefinitions({ appDefinitionId: app.id })).data[0];
});
after(async () => { for (const c of [kermit, fozzie, admin]) await c?.logout(); await server?.stop(); service.close(); });

test('deployed forms', async () => {
  const forms = new api.FormModelsApi(kermit), definitions = new api.ProcessDefinitionsApi(kermit);
  const list = await forms.getForms({ nameLike: 'oa', appId: app.id, tenantId: 1, sort: 'name', order: 'asc', start: 0, size: 5 });
  const [one] = list.data;
  number = one.id;
  assert.deepEqual([list.total, list.size, list.start, one.name, one.appDefinitionId, one.tenantId], [1, 1, 0, 'Loan', app.id, 1]);
  assert.deepEqual((await definitions.getProcessDefinitionForms(loan.id)).data.map((f) => f.id), [one.id]);
  assert.equal((await forms.getForms({ nameLike: 'none' })).total, 0);
  assert.deepEqual(await refusal(forms.getForms({ sort: 'colour' })), bad);
  const drawn = await forms.getFormEditorJson(one.id);
  assert.deepEqual([drawn.id, drawn.name, drawn.outcomes.map((o) => o.name), drawn.processDefinitionId, valuesOf(drawn).name], [one.id, 'Loan', ['Approve', 'Reject'], null, undefined]);
  assert.deepEqual(await refusal(forms.getFormEditorJson(999999)), missing);
  assert.deepEqual(await refusal(definitions.getProcessDefinitionForms('none')), missing);
});

test('a form that starts a process', async () => {
  const definitions = new api.ProcessDefinitionsApi(kermit), instances = new api.ProcessInstancesApi(kermit);
  assert.equal(loan.hasStartForm, true);
  const form = await definitions.getProcessDefinitionStartForm(loan.id);
  assert.deepEqual([form.id, form.name, form.processDefinitionId, form.processDefinitionName, form.processDefinitionKey, form.taskId, form.selectedOutcome], [number, 'Loan', loan.id, 'Loan', 'loan', null, null]);
  assert.deepEqual(plain(await definitions.getRestFieldValues(loan.id, 'city')), [{ id: '1', name: 'Berlin' }, { id: 'hh', name: 'Hamburg' }]);
  assert.deepEqual(plain(await definitions.getRestTableFieldValues(loan.id, 'rows', 'kind')), [{ id: 'small', name: 'small' }, { id: 'large', name: 'large' }]);
  assert.deepEqual(await refusal(definitions.getRestFieldValues(loan.id, 'name')), missing);
  assert.deepEqual(await refusal(definitions.getProcessDefinitionStartForm('none')), missing);

  assert.deepEqual(await refusal(instances.startNewProcessInstance({ processDefinitionId: loan.id, values: { name: 'R' } })), bad);
  assert.deepEqual(await refusal(instances.startNewProcessInstance({ processDefinitionId: loan.id, values: { name: 'Rowlf' }, outcome: 'Perhaps' })), bad);
  const started = await instances.startNewProcessInstance({ processDefinitionId: loan.id, name: 'No 1', outcome: 'Approve', values: { name: 'Rowlf', amount: 500, country: { id: 'de', name: 'Germany' }, evil: 'x' } });
  instance = started.id;
  assert.equal(started.startFormDefined, true);
  const filled = await instances.getProcessInstanceStartForm(instance);
  assert.deepEqual([filled.id, filled.selectedOutcome, filled.processDefinitionId], [number, 'Approve', loan.id]);
  const { name, amount, country } = valuesOf(filled);
  assert.deepEqual([name, amount, country], ['Rowlf', 500, 'de']);
  assert.deepEqual(await refusal(new api.ProcessInstancesApi(fozzie).getProcessInstanceStartForm(instance)), missing);
});

test('the form of a task', async () => {
  const forms = new api.TaskFormsApi(kermit), his = new api.TaskFormsApi(fozzie);
  task = (await new api.TasksApi(kermit).listTasks({ processInstanceId: instance })).data[0];
  assert.equal(task.formKey, String(number));
  const form = await forms.getTaskForm(task.id);
  assert.deepEqual([form.id, form.name, form.taskId, form.taskName, form.taskDefinitionKey, form.processDefinitionId, form.globalDateFormat], [number, 'Loan', task.id, 'Check', 'check', loan.id, 'D-M-YYYY']);
  assert.deepEqual([valuesOf(form).name, valuesOf(form).country, valuesOf(form).who], ['Rowlf', 'de', undefined]);
  assert.deepEqual(plain(await forms.getRestFieldValues(task.id, 'city')), [{ id: '1', name: 'Berlin' }, { id: 'hh', name: 'Hamburg' }]);
  assert.equal(asked.at(-1), '/cities?of=de');
  assert.deepEqual(plain(await forms.getRestFieldColumnValues(task.id, 'rows', 'kind')), [{ id: 'small', name: 'small' }, { id: 'large', name: 'large' }]);
  assert.deepEqual(await refusal(forms.getRestFieldColumnValues(task.id, 'rows', 'item')), missing);

  await forms.saveTaskForm(task.id, { values: { name: 'x', country: { id: 'fr', name: 'France' }, who: { id: 1002 }, rows: [{ item: 'a pen', kind: 'small' }] } });
  const saved = valuesOf(await forms.getTaskForm(task.id));
  assert.deepEqual([saved.name, saved.country, saved.who.email, saved.rows], ['x', 'fr', 'fozzie@example.com', [{ item: 'a pen', kind: 'small' }]]);
  const variables = plain(await forms.getTaskFormVariables(task.id));
  assert.deepEqual(variables.find((v) => v.id === 'name'), { id: 'name', type: 'string', value: 'Rowlf' });
  assert.equal(variables.find((v) => v.id === 'evil'), undefined);
  assert.deepEqual(plain(await forms.getProcessInstanceVariables(task.id)).find((v) => v.id === 'amount')?.value, 500);
  for (const ask of [() => his.getTaskForm(task.id), () => his.saveTaskForm(task.id, { values: {} }), () => his.completeTaskForm(task.id, { values: { name: 'Rowlf' } }), () => his.getTaskFormVariables(task.id)]) assert.deepEqual(await refusal(ask()), forbidden);
  assert.deepEqual(await refusal(forms.getTaskForm('none')), missing);
});

test('a form is taken away and attached', async () => {
  const forms = new api.TaskFormsApi(kermit), actions = new api.TaskActionsApi(kermit);
  const own = await new api.TasksApi(kermit).createNewTask({ name: 'Ask' });
  assert.deepEqual(await refusal(forms.getTaskForm(own.id)), missing);
  await actions.attachForm(own.id, { formId: number });
  assert.equal((await forms.getTaskForm(own.id)).id, number);
  assert.ok((await new api.TasksApi(kermit).getTask(own.id)).formKey, 'ADF shows a form when there is a key');
  assert.deepEqual(await refusal(actions.attachForm(own.id, { formId: 999999 })), missing);
  assert.deepEqual(await refusal(new api.TaskActionsApi(fozzie).attachForm(own.id, { formId: number })), forbidden);
  await actions.removeForm(own.id);
  assert.equal((await new api.TasksApi(kermit).getTask(own.id)).formKey, null);
  assert.deepEqual(await refusal(forms.getTaskForm(own.id)), missing);
});

test('a form is completed', async () => {
  const forms = new api.TaskFormsApi(kermit);
  assert.deepEqual(await refusal(forms.completeTaskForm(task.id, { outcome: 'Approve', values: { name: null } })), bad);
  assert.deepEqual(await refusal(forms.completeTaskForm(task.id, { outcome: 'Perhaps', values: { name: 'Rowlf' } })), bad);
  assert.deepEqual(await refusal(forms.completeTaskForm(task.id, { outcome: 'Reject', values: { name: 'Rowlf', papers: '999999' } })), bad);
  const paper = await new api.ActivitiContentApi(kermit).createTemporaryRawRelatedContent(new File(['a letter'], 'letter.txt', { type: 'text/plain' }));
  await forms.completeTaskForm(task.id, { outcome: 'Reject', values: { name: 'Rowlf', amount: 700, country: { id: 'fr', name: 'France' }, who: { id: 1002 }, papers: String(paper.id) } });
  assert.deepEqual(await refusal(forms.completeTaskForm(task.id, { values: { name: 'Rowlf' } })), missing);
  const done = await forms.getTaskForm(task.id), values = valuesOf(done);
  assert.deepEqual([done.selectedOutcome, values.name, values.amount, values.country, values.papers.map((p) => [p.id, p.name])], ['Reject', 'Rowlf', 700, 'fr', [[paper.id, 'letter.txt']]]);
  const fields = await new api.ProcessInstancesApi(kermit).getProcessInstanceContent(instance);
  assert.deepEqual([fields.total, plain(fields.data[0].field), fields.data[0].content.map((c) => [c.id, c.relatedContent])], [1, { id: 'papers', name: 'Papers' }, [[paper.id, false]]]);
  assert.ok((await new api.ProcessInstancesApi(kermit).getProcessInstance(instance)).ended instanceof Date);
});

test('what was submitted', async () => {
  const all = new api.SubmittedFormsApi(kermit), his = new api.SubmittedFormsApi(fozzie);
  submitted = await all.getTaskSubmittedForms(task.id);
  assert.deepEqual([submitted.name, submitted.formId, submitted.taskId, submitted.processId, submitted.submittedBy.email, submitted.form.selectedOutcome, valuesOf(submitted.form).amount],
    ['Loan', number, task.id, instance, 'kermit@example.com', 'Reject', 700]);
  assert.ok(submitted.submitted instanceof Date && Math.abs(Date.now() - submitted.submitted) < 600_000);
  assert.equal((await all.getSubmittedFrom(submitted.id)).taskId, task.id);
  const ofInstance = await all.getProcessSubmittedForms(instance);
  assert.deepEqual([ofInstance.total, ofInstance.data.map((s) => s.taskId).sort(), ofInstance.data.map((s) => s.form)], [2, [task.id, null].sort(), [null, null]]);
  assert.equal((await all.getFormSubmittedForms(number, { submittedBy: 1001, start: 0, size: 5 })).total, 2);
  assert.equal((await all.getFormSubmittedForms(number, { submittedBy: 1002 })).total, 0);
  assert.equal((await his.getFormSubmittedForms(number)).total, 0);
  assert.deepEqual(await refusal(his.getSubmittedFrom(submitted.id)), forbidden);
  assert.deepEqual(await refusal(his.getProcessSubmittedForms(instance)), missing);
  assert.deepEqual(await refusal(his.getTaskSubmittedForms(task.id)), forbidden);
  assert.deepEqual(await refusal(all.getSubmittedFrom(999999)), missing);
  assert.deepEqual(await refusal(all.getFormSubmittedForms(999999)), missing);
});
