// Runs oidc-provider, an authorization server that knows nothing of Sluice, and signs
// a user in at it as a browser would.
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';
import { freePort } from '../serve.mjs';

export const opaqueAPI = 'https://opaque.example.com';
export const signedAPI = 'https://signed.example.com';
const callback = 'http://127.0.0.1:5999/callback';

// newKey makes a signing key as a JWK.
export function newKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomBytes(6).toString('hex'), alg: 'ES256', use: 'sig' };
}

function configuration(keys) {
  const secret = (client_id, more) => ({ client_id, client_secret: `${client_id} secret`, redirect_uris: [], response_types: [], ...more });
  return {
    jwks: { keys },
    cookies: { keys: ['cookies'] },
    clients: [
      secret('app', { redirect_uris: [callback], grant_types: ['authorization_code'], response_types: ['code'], application_type: 'native' }),
      secret('rs', { grant_types: ['client_credentials'] }),
    ],
    clientDefaults: { id_token_signed_response_alg: 'ES256' }, // as the keys are
    scopes: ['read', 'write'],
    // oidc-provider names users by sub alone; what else a resource server reads is
    // its operator's to add.
    extraTokenClaims: (ctx, token) => (token.accountId ? { username: token.accountId } : {}),
    features: {
      introspection: { enabled: true, allowedPolicy: (ctx, client, token) => client.clientId === 'rs' || token.clientId === client.clientId },
      revocation: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, resource) => ({
          scope: 'read write', audience: resource, accessTokenTTL: 600,
          ...(resource === signedAPI ? { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } } : { accessTokenFormat: 'opaque' }),
        }),
      },
    },
  };
}

// start runs the server on a free port. rotate begins anew with other keys, at the
// same address.
export async function start(...keys) {
  const port = await freePort();
  const url = `http://localhost:${port}`;
  let provider, requests = [];
  const rotate = (...next) => { provider = new Provider(url, configuration(next)); };
  rotate(...keys);
  const server = createServer((req, res) => {
    requests.push(`${req.method} ${req.url.split('?')[0]}`);
    provider.callback()(req, res);
  });
  await new Promise((resolve, reject) => { server.once('error', reject); server.listen(port, resolve); });
  const stop = () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); });
  const count = (line) => requests.filter((r) => r === line).length;
  const post = (path, client, form) => fetch(url + path, {
    method: 'POST', body: new URLSearchParams(form),
    headers: { authorization: 'Basic ' + Buffer.from(`${client}:${encodeURIComponent(`${client} secret`)}`).toString('base64') },
  });
  return { url, rotate, stop, count, post, signIn: (user, resource, scope) => signIn({ url, post }, user, resource, scope) };
}

// signIn goes through the authorization code flow with PKCE, by the development
// pages that ask for any name and any password, and returns the token answer.
async function signIn({ url, post }, user, resource, scope) {
  const verifier = randomBytes(32).toString('base64url');
  const jar = new Map();
  const open = async (address, form) => {
    const cookie = [...jar].map(([k, v]) => `${k}=${v}`).join('; ');
    const answer = await fetch(address, { redirect: 'manual', headers: { cookie }, ...(form && { method: 'POST', body: new URLSearchParams(form) }) });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value) jar.set(name, value); else jar.delete(name);
    }
    return answer;
  };
  const query = new URLSearchParams({
    client_id: 'app', response_type: 'code', redirect_uri: callback, scope, resource, state: 'x', code_challenge_method: 'S256',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  });
  let at = `${url}/auth?${query}`, form;
  for (let step = 0; step < 20; step++) {
    const answer = await open(at, form);
    form = undefined;
    const location = answer.headers.get('location');
    if (location?.startsWith(callback)) {
      const code = new URL(location).searchParams.get('code');
      if (!code) throw new Error(`no code: ${location}`);
      const token = await post('/token', 'app', { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: callback, resource });
      const body = await token.json();
      if (!token.ok) throw new Error(`the token endpoint answered ${token.status}: ${JSON.stringify(body)}`);
      return body;
    }
    if (location) { at = new URL(location, at).href; continue; }
    const page = await answer.text();
    const action = /<form[^>]*action="([^"]+)"/.exec(page)?.[1];
    if (!answer.ok || !action) throw new Error(`${at} answered ${answer.status}: ${page.slice(page.indexOf('<body'))}`);
    const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1];
    form = prompt === 'login' ? { prompt, login: user, password: 'any' } : { prompt };
    at = new URL(action, at).href;
  }
  throw new Error('the sign-in did not end');
}
