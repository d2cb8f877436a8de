// node coverage.mjs FILE: fails when an operation of the description was not carried out
// by js-api in the tests that wrote FILE (see contract.mjs).
import { readFileSync } from 'node:fs';
import { serve } from '../serve.mjs';

// What js-api 10 cannot send, each with the reason.
const beyond = new Map([
  ['DELETE /api/enterprise/tasks/{taskId}/groups/{groupId}', 'removeInvolvedUser asks for an instance of String and fills in no groupId'],
]);

const done = new Set(readFileSync(process.argv[2], 'utf8').split('\n'));
const server = await serve();
const { paths } = await (await fetch(server.url + '/activiti-app/api/openapi.json')).json();
await server.stop();
const all = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((m) => `${m.toUpperCase()} ${path}`));
const missing = all.filter((name) => !done.has(name) && !beyond.has(name));
const idle = [...beyond.keys()].filter((name) => done.has(name) || !all.includes(name));
for (const name of missing) console.log(`not carried out by js-api: ${name}`);
for (const name of idle) console.log(`no exception is needed for: ${name}`);
console.log(`${all.length - missing.length} of ${all.length} operations were carried out by js-api or are listed with a reason`);
process.exit(missing.length + idle.length ? 1 : 0);
