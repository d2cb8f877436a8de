// oidc-provider over maps, for comparison. It is the package of clients/foreign; the
// pages for development sign in and consent once for a session, and after that nobody
// is asked.
import { generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(new URL('../../../clients/foreign/package.json', import.meta.url));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

// Maps is the storage: everything in memory. (What the package brings along for
// development forgets all but a thousand entries.)
const rows = new Map(), sessions = new Map(), grants = new Map();
class Maps {
  constructor(model) { this.model = model; }
  key(id) { return `${this.model}:${id}`; }
  async upsert(id, payload) {
    rows.set(this.key(id), payload);
    if (this.model === 'Session') sessions.set(payload.uid, id);
    if (payload.grantId) {
      if (!grants.has(payload.grantId)) grants.set(payload.grantId, []);
      grants.get(payload.grantId).push(this.key(id));
    }
  }
  async find(id) { return rows.get(this.key(id)); }
  async findByUid(uid) { return rows.get(this.key(sessions.get(uid))); }
  async findByUserCode() { return undefined; }
  async consume(id) { rows.get(this.key(id)).consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { rows.delete(this.key(id)); }
  async revokeByGrantId(id) { for (const key of grants.get(id) ?? []) rows.delete(key); grants.delete(id); }
}

const port = Number(process.argv[2]);
const callback = 'http://127.0.0.1:5999/callback';
const key = (alg, type, how) => ({ ...generateKeyPairSync(type, how).privateKey.export({ format: 'jwk' }), kid: alg, alg, use: 'sig' });
const client = (client_id, alg) => ({
  client_id, client_secret: 'load-secret', redirect_uris: [callback], response_types: ['code'], id_token_signed_response_alg: alg,
  grant_types: ['authorization_code', 'client_credentials'], token_endpoint_auth_method: 'client_secret_basic',
});

const provider = new Provider(`http://127.0.0.1:${port}`, {
  adapter: Maps,
  jwks: { keys: [key('RS256', 'rsa', { modulusLength: 2048 }), key('ES256', 'ec', { namedCurve: 'P-256' })] },
  cookies: { keys: ['cookies'] },
  clients: [client('load', 'RS256'), client('es256', 'ES256')],
  scopes: ['openid', 'read'],
  pkce: { required: () => true },
  ttl: { AccessToken: 3600, ClientCredentials: 3600, AuthorizationCode: 60, Grant: 3600, IdToken: 3600, Interaction: 600, Session: 3600 },
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
  },
});
provider.listen(port, '127.0.0.1');
