// Stores that exchange items, and what they get them from: keys, a folder behind nginx, and a server that misbehaves.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, createServer as createTcpServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Scratch } from './scratch.ts'
import { environment, recordsOf, type TestRecord } from './shell.ts'
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

export type Answer = (request: IncomingMessage, response: ServerResponse, file: Buffer | undefined) => void

/** Serves a folder but where `faults` has an answer of its own for a name; knows ranges. */
export class FaultServer {
  readonly #server: Server
  readonly #folder: string
  readonly faults = new Map<string, Answer>()
  readonly requests: string[] = []
  url = ''

  constructor(scratch: Scratch, folder: string) {
    this.#folder = folder
    this.#server = createServer((request, response) => {
      const name = decodeURIComponent(request.url ?? '').replace(/^\//, '')
      this.requests.push(`${request.headers.range ? `${request.headers.range} ` : ''}${name}`)
      const file = this.read(name)
      const answer = this.faults.get(name) ?? this.faults.get('*') ?? serve
      answer(request, response, file)
    })
    scratch.onEnd(() => {
      this.#server.closeAllConnections()
      this.#server.close()
    })
  }

  read(name: string): Buffer | undefined {
    try {
      return readFileSync(join(this.#folder, name))
    } catch {
      return undefined
    }
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }
}

/** As a good server would. */
export const serve: Answer = (request, response, file) => {
  if (!file) return void response.writeHead(404).end()
  const from = Number(/^bytes=([0-9]+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const rest = file.subarray(from)
  const etag = `"${createHash('sha256').update(file).digest('hex')}"`
  const range = { 'content-range': `bytes ${from}-${file.length - 1}/${file.length}` }
  response.writeHead(from > 0 ? 206 : 200, { 'content-length': rest.length, etag, ...(from > 0 && range) })
  response.end(rest)
}

/** Announces all, sends what comes before byte `at`, and hangs up. */
export function cutAt(at: number): Answer {
  return (request, response, file) => {
    const from = Number(/^bytes=([0-9]+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    if (!file || from >= at) return serve(request, response, file)
    const etag = `"${createHash('sha256').update(file).digest('hex')}"`
    response.writeHead(200, { 'content-length': file.length, etag })
    response.write(file.subarray(from, at), () => response.destroy())
  }
}

/** `times` answers of `fault`, then good ones. */
export function firstly(times: number, fault: Answer): Answer {
  let left = times
  return (request, response, file) => (left-- > 0 ? fault : serve)(request, response, file)
}

export function status(code: number, headers: Record<string, string> = {}): Answer {
  return (_, response) => void response.writeHead(code, headers).end()
}

export function copyFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  execFileSync('cp', ['-a', `${from}/.`, to])
}
