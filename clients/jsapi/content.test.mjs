// Every operation on contents that is built, through js-api 10 as ADF calls it: uploads and
// links of tasks, of instances and of neither yet, their bytes and their renditions.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { serve } from '../serve.mjs';
import { api, bad, clientOf, forbidden, missing, realm, refusal } from './client.mjs';

const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const errand = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="errands">
  <process id="errand" name="Errand" isExecutable="true"><startEvent id="s"/><sequenceFlow id="a" sourceRef="s" targetRef="u"/>
    <userTask id="u" name="Fetch" activiti:assignee="$INITIATOR"/><sequenceFlow id="b" sourceRef="u" targetRef="e"/><endEvent id="e"/></process></definitions>`;
let server, kermit, fozzie, admin, instance, task, picture;

const names = (page) => page.data.map((c) => c.name);
const headersOf = (client) => ({ authorization: 'Bearer ' + client.oauth2Auth.getToken() });

before(async () => {
  server = await serve('--demo', ...realm, '--set', 'sluice.process.max-content-bytes=65536');
  [kermit, fozzie, admin] = [await clientOf(server, 'kermit@example.com', 'kermit'), await clientOf(server, 'fozzie@example.com', 'fozzie'), await clientOf(server, 'admin@app.activiti.com', 'admin')];
  const form = new FormData();
  form.append('file', new Blob([errand]), 'errand.bpmn20.xml');
  assert.equal((await fetch(server.url + '/activiti-app/api/repository/deployments', { method: 'POST', headers: headersOf(admin), body: form })).status, 201);
  const errands = (await new api.ProcessDefinitionsApi(kermit).getProcessDefinitions({ latest: true })).data.find((d) => d.key === 'errand');
  instance = (await new api.ProcessInstancesApi(kermit).startNewProcessInstance({ processDefinitionId: errands.id, name: 'Bread' })).id;
  task = (await new api.TasksApi(kermit).listTasks({ processInstanceId: instance })).data[0].id;
});
after(async () => { for (const c of [kermit, fozzie, admin]) await c?.logout(); await server?.stop(); });

test('an upload to a task', async () => {
  const contents = new api.ActivitiContentApi(kermit);
  picture = await contents.createRelatedContentOnTask(task, new File([png], 'dot.png', { type: 'image/png' }), { isRelatedContent: true });
  assert.deepEqual([picture.name, picture.mimeType, picture.simpleType, picture.relatedContent, picture.contentAvailable, picture.link, picture.previewStatus, picture.thumbnailStatus, picture.createdBy.email],
    ['dot.png', 'image/png', 'image', true, true, false, 'created', 'created', 'kermit@example.com']);
  assert.ok(picture.created instanceof Date && Math.abs(Date.now() - picture.created) < 600_000);
  assert.equal((await contents.createRelatedContentOnTask(task, new File(['a letter'], 'letter.txt', { type: 'text/plain' }))).relatedContent, false);
  assert.deepEqual(await refusal(new api.ActivitiContentApi(fozzie).createRelatedContentOnTask(task, new File(['x'], 'x.txt'))), forbidden);
  assert.deepEqual(await refusal(contents.createRelatedContentOnTask('none', new File(['x'], 'x.txt'))), missing);
  await assert.rejects(contents.createRelatedContentOnTask(task, new File([Buffer.alloc(70_000)], 'much.bin')), (e) => e.status === 413 && JSON.parse(e.message).messageKey === 'GENERAL.ERROR.UPLOAD-LIMIT-EXCEEDED');
});

test('links, uploads to an instance and lists', async () => {
  const contents = new api.ActivitiContentApi(kermit);
  const link = await contents.createRelatedContentOnTask(task, new api.RelatedContentRepresentation({ name: 'Shop', link: true, linkUrl: 'https://shop.example/bread' }));
  assert.deepEqual([link.name, link.link, link.linkUrl, link.contentAvailable, link.relatedContent], ['Shop', true, 'https://shop.example/bread', false, true]);
  const page = await contents.createRelatedContentOnProcessInstance(instance, new api.RelatedContentRepresentation({ name: 'Plan', mimeType: 'application/pdf', source: 'alfresco-1', sourceId: 'workspace://7' }), { isRelatedContent: true });
  assert.deepEqual([page.source, page.sourceId, page.simpleType], ['alfresco-1', 'workspace://7', 'pdf']);
  const sheet = await contents.createRelatedContentOnProcessInstance(instance, new File(['a;b'], 'costs.csv', { type: 'text/csv' }), { isRelatedContent: true });
  assert.deepEqual([sheet.name, sheet.simpleType, sheet.relatedContent], ['costs.csv', 'excel', true]);
  assert.deepEqual(await refusal(contents.createRelatedContentOnTask(task, new api.RelatedContentRepresentation({ name: 'x', link: true, linkUrl: 'javascript:alert(1)' }))), bad);

  const ofTask = await contents.getRelatedContentForTask(task);
  assert.deepEqual([ofTask.total, ofTask.size, ofTask.start, names(ofTask)], [3, 3, 0, ['Shop', 'letter.txt', 'dot.png']]);
  assert.deepEqual(names(await contents.getRelatedContentForTask(task, { isRelatedContent: true })), ['Shop', 'dot.png']);
  assert.deepEqual(names(await contents.getRelatedContentForTask(task, { isRelatedContent: false })), ['letter.txt']);
  assert.deepEqual(names(await contents.getRelatedContentForProcessInstance(instance, { isRelatedContent: true })), ['costs.csv', 'Plan', 'Shop', 'dot.png']);
  assert.equal((await new api.ProcessInstancesApi(kermit).getProcessInstanceContent(instance)).total, 0);
  assert.deepEqual(await refusal(new api.ActivitiContentApi(fozzie).getRelatedContentForTask(task)), forbidden);
  assert.deepEqual(await refusal(new api.ActivitiContentApi(fozzie).getRelatedContentForProcessInstance(instance)), missing);
});

test('where a document is used', async () => {
  const used = await new api.ActivitiContentApi(kermit).getProcessesAndTasksOnContent('workspace://7', 'alfresco-1', 5, 0);
  assert.deepEqual([used.total, used.data.map((u) => [u.processId, u.taskId])], [1, [[instance, null]]]);
  assert.equal((await new api.ActivitiContentApi(fozzie).getProcessesAndTasksOnContent('workspace://7', 'alfresco-1')).total, 0);
});

test('contents of nothing yet', async () => {
  const contents = new api.ActivitiContentApi(kermit), his = new api.ActivitiContentApi(fozzie);
  const letter = await contents.createTemporaryRawRelatedContent(new File(['a letter'], 'letter.html', { type: 'text/html' }));
  assert.deepEqual([letter.name, letter.mimeType, letter.relatedContent, letter.contentAvailable], ['letter.html', 'text/html', false, true]);
  const link = await contents.createTemporaryRelatedContent({ name: 'Map', linkUrl: 'https://map.example/', link: true });
  assert.deepEqual([link.linkUrl, link.relatedContent], ['https://map.example/', false]);
  assert.deepEqual(await refusal(contents.createTemporaryRelatedContent({ name: 'nothing' })), bad);
  assert.deepEqual(await refusal(his.getContent(letter.id)), forbidden);
  assert.equal((await contents.getContent(link.id)).name, 'Map');
  // What a browser would run is answered as a plain text, to keep.
  const raw = await fetch(contents.getRawContentUrl(letter.id), { headers: headersOf(kermit) });
  assert.deepEqual([raw.headers.get('content-type'), raw.headers.get('content-disposition').startsWith('attachment'), raw.headers.get('x-content-type-options')], ['text/plain; charset=utf-8', true, 'nosniff']);
  assert.equal((await fetch(contents.getRawContentUrl(letter.id))).status, 401);
});

test('bytes and renditions', async () => {
  const contents = new api.ActivitiContentApi(kermit), his = new api.ActivitiContentApi(fozzie);
  assert.deepEqual(await contents.getRawContent(picture.id), png);
  for (const kind of ['preview', 'thumbnail']) assert.deepEqual((await contents.getRawContent(picture.id, kind)).subarray(1, 4).toString(), 'PNG');
  const [letter] = (await contents.getRelatedContentForTask(task, { isRelatedContent: false })).data;
  assert.equal((await contents.getRawContent(letter.id, 'preview')).toString(), 'a letter');
  await assert.rejects(contents.getRawContent(letter.id, 'thumbnail'), (e) => e.status === 404);
  assert.deepEqual(await refusal(contents.getRawContent(picture.id, 'poster')), bad);
  await assert.rejects(contents.getRawContent(999999), (e) => e.status === 404);
  assert.deepEqual(await refusal(his.getRawContent(picture.id)), forbidden);
});

test('deleting', async () => {
  const contents = new api.ActivitiContentApi(kermit);
  assert.deepEqual(await refusal(new api.ActivitiContentApi(fozzie).deleteContent(picture.id)), forbidden);
  await contents.deleteContent(picture.id);
  assert.deepEqual(await refusal(contents.getContent(picture.id)), missing);
  assert.deepEqual(await refusal(contents.deleteContent(picture.id)), missing);
  assert.deepEqual(names(await contents.getRelatedContentForTask(task)), ['Shop', 'letter.txt']);
});
