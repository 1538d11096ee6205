// Stores that exchange items, and what they get them from: keys, and a folder behind nginx.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer as createTcpServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Scratch } from './scratch.ts'
import { environment, recordsOf, type TestRecord } from './shell.ts'
import { installKey, makeSigningKey } from './signing-key.ts'
import { storeCli, TestStore, type StoreOptions } from './store.ts'

/** Items of two stores are the same only when both are at one place: each daemon has its own there, by a mount. */
export function makePeer(scratch: Scratch, name: string, options: StoreOptions = {}): TestStore {
  const place = scratch.file('store')
  const items = itemsOf(scratch, name)
  mkdirSync(place, { recursive: true })
  mkdirSync(items, { recursive: true })
  const script = `mount --bind ${items} ${place} && exec "$@"`
  return new TestStore(scratch, name, {
    ...options,
    store: place,
    prefix: ['unshare', '--mount', 'sh', '-c', script, 'sh'],
    env: {
      GUIX_CONFIGURATION_DIRECTORY: etcOf(scratch, name),
      GUIX_LOG_DIRECTORY: scratch.file(`${name}/log`),
      ...options.env,
    },
  })
}

/** Where the items of a peer are, seen from here. */
export function itemsOf(scratch: Scratch, name: string): string {
  return scratch.file(`${name}/items`)
}

export function etcOf(scratch: Scratch, name: string): string {
  const folder = scratch.file(`${name}/etc`)
  mkdirSync(folder, { recursive: true })
  return folder
}

/** One with a key of its own, installed in `key`, for others to get items from. */
export async function startOrigin(scratch: Scratch, key: string): Promise<TestStore> {
  installKey(key, makeSigningKey())
  const origin = makePeer(scratch, 'origin')
  await origin.start()
  return origin
}

/** One that believes what is signed with the key in `signer`; not started. */
export function makeReader(
  scratch: Scratch,
  name: string,
  signer: string,
  options: StoreOptions = {},
): TestStore {
  authorize(etcOf(scratch, name), signer)
  return makePeer(scratch, name, options)
}

/** Makes the store whose configuration is in `folder` accept what `signer` has signed. */
export function authorize(folder: string, signer: string): void {
  const key = readFileSync(`${signer}/signing-key.pub`, 'latin1')
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}/acl`, `(acl (entry ${key} (tag (guix import))))\n`)
}

export type Ran = { status: number | null; records: TestRecord[]; stderr: string; stdout: Buffer }

/** None when the output is an export. */
const readRecords = (stdout: Buffer) => (stdout[0] === 0x7b ? recordsOf(stdout.toString('utf8')) : [])

export function runCli(daemon: TestStore, args: readonly string[], input: string | Buffer = ''): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [storeCli, ...args], {
    input,
    env: environment({ GUIX_DAEMON_SOCKET: daemon.socket }),
    maxBuffer: 1 << 28,
  })
  return { status, stdout, stderr: stderr.toString(), records: readRecords(stdout) }
}

/** Publishes all that `paths` need. */
export function publish(
  daemon: TestStore,
  folder: string,
  paths: readonly string[],
  key: string,
  ...more: string[]
): Ran {
  const ran = runCli(daemon, [
    'publish',
    '--signing-key',
    `${key}/signing-key.sec`,
    ...more,
    folder,
    ...paths,
  ])
  if (ran.status !== 0) throw new Error(`publish: ${ran.stderr}${ran.stdout.toString()}`)
  return ran
}

export async function freePort(): Promise<number> {
  const server = createTcpServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function untilListening(port: number, isAlive: () => boolean): Promise<void> {
  while (isAlive()) {
    const socket = connect(port, '127.0.0.1')
    const ok = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    socket.destroy()
    if (ok) return
  }
  throw new Error(`nothing listens on port ${port}`)
}

export type Nginx = { http: string; https: string; ca: string; log: () => string }

/** Debian's nginx with a folder to serve, over http and, with a certificate of its own authority, https. */
export async function startNginx(scratch: Scratch, folder: string, more = ''): Promise<Nginx> {
  const place = scratch.file(`nginx-${await freePort()}`)
  mkdirSync(place, { recursive: true })
  mkdirSync(folder, { recursive: true })
  const [http, https] = [await freePort(), await freePort()]
  makeCertificate(place)
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  writeFileSync(
    `${place}/nginx.conf`,
    `${user} daemon off; pid ${place}/pid; error_log ${place}/error.log; worker_processes 1;
events {}
http {
  access_log ${place}/access.log;
  client_body_temp_path ${place}; proxy_temp_path ${place}; fastcgi_temp_path ${place};
  uwsgi_temp_path ${place}; scgi_temp_path ${place};
  server {
    listen 127.0.0.1:${http};
    listen 127.0.0.1:${https} ssl;
    ssl_certificate ${place}/server.pem; ssl_certificate_key ${place}/server.key;
    root ${folder};
    ${more}
  }
}
`,
  )
  const child = spawn('nginx', ['-c', `${place}/nginx.conf`, '-e', `${place}/error.log`], {
    env: { ...environment(), PATH: `${environment()['PATH']}:/usr/sbin` },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  scratch.onEnd(async () => {
    if (child.exitCode !== null) return
    const exit = once(child, 'exit')
    child.kill()
    await exit
  })
  await untilListening(http, () => child.exitCode === null)
  return {
    http: `http://127.0.0.1:${http}`,
    https: `https://localhost:${https}`,
    ca: `${place}/ca.pem`,
    log: () => readFileSync(`${place}/access.log`, 'utf8'),
  }
}

function makeCertificate(place: string): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: place, stdio: 'pipe' })
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl('req', '-x509', ...curve, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=Test authority')
  openssl('req', ...curve, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost')
  writeFileSync(join(place, 'names'), 'subjectAltName=DNS:localhost\n')
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names']
  openssl('x509', '-req', '-in', 'server.csr', '-out', 'server.pem', ...signed)
}

export function copyFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  execFileSync('cp', ['-a', `${from}/.`, to])
}
