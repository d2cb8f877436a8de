// Holds everything that js-api sends and gets against the description that the server
// gives of itself. It is loaded before each test (node --import ./contract.mjs --test):
// the traffic is watched where Node.js sends it, the tests know nothing of it.
//
// An answer must have the members of its schema, all of them and no other; what js-api
// sends must fit the schema of the body. SLUICE_CONTRACT names a file to which each
// operation that succeeded is added, for coverage.mjs.
import Ajv from 'ajv/dist/2020.js';
import { appendFileSync } from 'node:fs';
import { after } from 'node:test';

const base = '/activiti-app';
const descriptions = new Map(); // by origin: a promise of the checks
const broken = new Set();
const open = [];

// strict returns a copy of the schemas in which no other member is allowed.
const strict = (schema) => {
  if (Array.isArray(schema)) return schema.map(strict);
  if (!schema || typeof schema !== 'object') return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([k, v]) => [k, strict(v)]));
  return copy.type === 'object' && copy.properties && !('additionalProperties' in copy) ? { ...copy, additionalProperties: false } : copy;
};

async function describe(origin) {
  const document = await (await plain(`${origin}${base}/api/openapi.json`)).json();
  const build = (schemas) => {
    const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
    ajv.addSchema({ $id: 'https://sluice.example/api', components: { schemas } });
    return (schema) => ajv.compile({ $id: undefined, ...JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"https://sluice.example/api#/components')) });
  };
  const asGiven = build(document.components.schemas), asAnswered = build(strict(document.components.schemas));
  const routes = [];
  for (const [path, methods] of Object.entries(document.paths)) {
    const shape = new RegExp(`^${base}${path.replace(/[.+]/g, '\\$&').replace(/\{[^}]+\}/g, '([^/]+)')}/?$`);
    for (const [method, told] of Object.entries(methods)) {
      const body = told.requestBody?.content?.['application/json']?.schema;
      const answers = Object.fromEntries(Object.entries(told.responses).map(([status, r]) => {
        const schema = r.content?.['application/json']?.schema;
        return [status, { kinds: Object.keys(r.content ?? {}), check: schema && asAnswered(strict(schema)) }];
      }));
      routes.push({ name: `${method.toUpperCase()} ${path}`, method: method.toUpperCase(), shape, fixed: !path.includes('{'), body: body && asGiven(body), answers });
    }
  }
  return routes.sort((a, b) => b.fixed - a.fixed);
}

const problem = (name, what) => broken.add(`${name}: ${what}`);
const words = (check) => check.errors.slice(0, 5).map((e) => `${e.instancePath || 'the body'} ${e.message}${e.params.additionalProperty ? ' (' + e.params.additionalProperty + ')' : ''}`).join('; ');

async function hold(exchange) {
  const routes = await descriptions.get(exchange.origin);
  const route = routes.find((r) => r.method === exchange.method && r.shape.test(exchange.path));
  if (!route) return; // what is not built answers 501 and is in no description
  const { status, kind } = exchange;
  const told = route.answers[status] ?? (status >= 400 ? route.answers.default : undefined);
  if (!told) return problem(route.name, `the status ${status} is not in the description`);
  if (status < 300 && process.env.SLUICE_CONTRACT) appendFileSync(process.env.SLUICE_CONTRACT, route.name + '\n');
  if (told.check) {
    if (kind !== 'application/json') return problem(route.name, `${status} has the content type ${kind}`);
    if (!told.check(JSON.parse(exchange.answer))) problem(route.name, `the answer ${status}: ${words(told.check)}`);
  } else if (told.kinds.length === 0 && exchange.answer.length > 0) {
    problem(route.name, `${status} has a body where none is described`);
  }
  if (status < 300 && route.body && !exchange.sent) problem(route.name, 'no body was sent where one is described');
  if (status < 300 && route.body && typeof exchange.sent === 'string' && exchange.sentKind === 'application/json' && !route.body(JSON.parse(exchange.sent))) problem(route.name, `what js-api sent: ${words(route.body)}`);
}

const plain = globalThis.fetch;
const type = (h) => String(h ?? '').split(';')[0];
globalThis.fetch = async (input, init = {}) => {
  const response = await plain(input, init);
  const { origin, pathname } = new URL(typeof input === 'string' ? input : input.url ?? String(input));
  if (pathname.startsWith(base + '/')) {
    if (!descriptions.has(origin)) descriptions.set(origin, describe(origin));
    const copy = response.clone();
    open.push((async () => hold({
      origin, method: (init.method ?? input.method ?? 'GET').toUpperCase(), path: pathname, status: response.status, kind: type(response.headers.get('content-type')),
      answer: await copy.text(), sent: init.body, sentKind: type(new Headers(init.headers).get('content-type')),
    }))().catch((e) => problem(pathname, e.stack)));
  }
  return response;
};

// The process that only starts the others has nothing to hold.
if (!process.execArgv.includes('--test')) after(async () => {
  for (let n = 0; n < open.length; n++) await open[n];
  if (broken.size > 0) throw new Error(`the description and the server differ:\n  ${[...broken].join('\n  ')}`);
});
