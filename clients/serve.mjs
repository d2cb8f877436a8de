// Starts the real binary for a client's test and stops it again.
import { spawn, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

// binary returns the program under test: SLUICE_TEST_BINARY, or one that is built now.
let built;
export function binary() {
  if (process.env.SLUICE_TEST_BINARY) return process.env.SLUICE_TEST_BINARY;
  if (!built) {
    built = join(mkdtempSync(join(tmpdir(), 'sluice-bin-')), 'sluice');
    execFileSync('go', ['build', '-o', built, './cmd/sluice'], { cwd: root, stdio: 'inherit' });
  }
  return built;
}

// freePort asks the system for one.
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => { const { port } = probe.address(); probe.close(() => resolve(port)); });
  });
}

// serve runs `sluice serve` in a folder of its own and waits until it answers.
// {port} in an argument stands for the port. An object as the first argument says
// how it is reached: { scheme, fetch }, by default plain http and the global fetch.
export async function serve(...args) {
  const { scheme = 'http', fetch = globalThis.fetch } = typeof args[0] === 'object' ? args.shift() : {};
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), 'sluice-data-'));
  const child = spawn(binary(), ['serve', '--addr', `127.0.0.1:${port}`, '--data', join(dir, 'data'), ...args.map((a) => a.replaceAll('{port}', port))], { cwd: dir });
  let out = '', log = '';
  child.stdout.on('data', (b) => { out += b; });
  child.stderr.on('data', (b) => { log += b; });
  const url = `${scheme}://localhost:${port}`;
  for (let i = 0; ; i++) {
    try { if ((await fetch(url + '/management/health')).ok) break; } catch { /* not yet */ }
    if (child.exitCode !== null || i > 200) throw new Error(`the server did not start:\n${out}\n${log}`);
    await new Promise((r) => setTimeout(r, 50));
  }
  const stop = () => new Promise((resolve) => {
    child.once('exit', (code) => { rmSync(dir, { recursive: true, force: true }); resolve(code); });
    child.kill('SIGTERM');
  });
  // sluice runs a command on the server's database and returns what it printed.
  const sluice = (args, input) => execFileSync(binary(), [...args, '--data', join(dir, 'data')], { cwd: dir, input, encoding: 'utf8' });
  // client registers one by its metadata and returns the secret, if it has one.
  const client = (metadata) => JSON.parse(sluice(['client', 'create', '--json', '--metadata', '-'], JSON.stringify(metadata))).client_secret;
  return { url, port, fetch, child, stop, sluice, client, output: () => out, log: () => log };
}
