// Sites: virtual hosts, the default host, TLS by name, mounts, the shapes of modules, and exchanges without a gap.
import { spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { Agent, get, request as httpRequest } from 'node:http'
import Module from 'node:module'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { daemonize, isAlive, TestService, until } from './support/daemonize.ts'
import { isRoot, unprivileged, unprivilegedUid } from './support/root.ts'
import { Scratch } from './support/scratch.ts'

const scratch = new Scratch('daemonize-sites')
const modules = scratch.file('modules')
mkdirSync(modules)

const sources: Record<string, string> = {
  'hello.mjs': `export default (req, res) => {
    if (req.url.startsWith('/missing')) { res.statusCode = 404; return res.end('nothing here\\n') }
    if (req.url.startsWith('/throw')) throw new Error('on purpose')
    if (req.url.startsWith('/slow')) return setTimeout(() => res.end('slow\\n'), 400)
    res.end('hello ' + process.pid + '\\n')
  }`,
  'hello2.mjs': `export default { fetch: (request, site) => new Response('hello2 ' + request.method + ' ' + new URL(request.url).pathname + '\\n') }`,
  'whole.mjs': `let ready = false
    export async function init(site) { ready = site.module === 'whole' }
    export function handle(req, res) { res.end('whole ' + ready + ' ' + req.url + ' ' + req.originalUrl + '\\n') }
    export function close() { process.stderr.write('closed\\n') }`,
  'first.mjs': `export default (req, res, next) => req.url === '/first' ? res.end('first\\n') : next()`,
  'old.cjs': `module.exports = (request) => new Response('cjs\\n', { headers: { 'x-made': 'by fetch' } })`,
  'defines.mjs': `defineSite('registered', (req, res) => res.end('registered\\n'))`,
  'silent.js': `import { get } from 'node:http'
    await get
    export default (req, res) => res.end('silent\\n')`,
  'requires.cjs': `module.exports = (req, res) => require('./part.mjs').whole(req, res)`,
  'compiled.cjs': `Object.defineProperty(exports, '__esModule', { value: true })
    exports.default = (req, res) => res.end('compiled\\n')`,
  'part.mjs': `export const whole = (req, res) => res.end('part\\n')`,
  'faulty.mjs': `export default (req, res, next) => {
    if (req.url === '/both') { res.end('whole\\n'); return next() }
    if (req.url === '/half') { res.write('half'); return next() }
    if (req.url === '/error') return next(new Error('no database'))
    res.setHeader('Content-Length', 1000)
    res.setHeader('Set-Cookie', 'session=1')
    throw new Error('on purpose')
  }`,
  'endless.mjs': `export default (request) => {
    if (request.method === 'POST') return request.text().then(() => new Response('read\\n'))
    const cancel = () => void process.stderr.write('let go by ' + request.method + '\\n')
    const pull = (controller) => controller.enqueue(Buffer.alloc(65536))
    return new Response(new ReadableStream({ pull, cancel }, { highWaterMark: 0 }))
  }`,
  'leaves.mjs': `export default async (request) => {
    if (new URL(request.url).pathname !== '/pass') return new Response('left\\n')
    await new Promise(setImmediate)
  }`,
  'takes.mjs': `export default (request) => request.text().then((text) => new Response('took ' + text.length + '\\n'))`,
  'never.mjs': `export default (req, res) => void res.write('begun\\n')`,
  'broken.mjs': `export async function init() { throw new Error('no database') }
    export function handle() {}`,
}
for (const [name, text] of Object.entries(sources)) writeFileSync(`${modules}/${name}`, text)

// Below the ports that the kernel gives to clients, and apart from those of the other test files.
let nextPort = 10_000 + (process.pid % 300) * 30
const freePort = () => nextPort++

function curl(...args: string[]): { status: number; location: string | undefined; body: string } {
  const { stdout } = spawnSync('curl', ['-s', '-i', '--max-time', '5', ...args], { encoding: 'utf8' })
  const [head = '', ...body] = stdout.split('\r\n\r\n')
  return {
    status: Number(/^HTTP\/\S+ (\d+)/.exec(head)?.[1]),
    location: /^location: (.*)$/im.exec(head)?.[1]?.trim(),
    body: body.join('\r\n\r\n').trim(),
  }
}

async function startSites(config: Record<string, unknown>): Promise<TestService> {
  const service = new TestService(scratch, { module_paths: [modules], ...config })
  const { status, stderr } = await service.run('start')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return service
}

describe('virtual hosts and the default host (W23)', () => {
  const port = freePort()
  const any = freePort()
  const any2 = freePort()
  let service: Promise<TestService> | undefined
  const running = () =>
    (service ??= startSites({
      sites: [
        ['hello', 'main.test', port],
        ['hello2', 'other.test', port],
        ['hello', null, any],
        ['hello2', 'other.test', any],
        ['hello2', '::1', port],
        ['hello2', null, any2],
      ],
      default_host_redirect: 'main.test',
    }))

  // The table of what RESTAS answers, and what it should have.
  const rows: [what: string, args: string[], status: number, rest: RegExp][] = [
    ['the host', ['-H', 'Host: main.test', '/'], 200, /^hello \d/],
    ['the host with its port', ['-H', `Host: main.test:${port}`, '/'], 200, /^hello \d/],
    ['another host', ['-H', `Host: other.test:${port}`, '/'], 200, /^hello2 GET \/$/],
    ['an unknown host', ['-H', 'Host: nope.test', '/?q=1'], 302, /^http:\/\/main\.test\/\?q=1$/],
    ['capitals', ['-H', `Host: MAIN.test:${port}`, '/'], 200, /^hello \d/],
    ['the final dot', ['-H', `Host: main.test.:${port}`, '/'], 200, /^hello \d/],
    ['another port in the header', ['-H', 'Host: main.test:80', '/'], 302, /^http:\/\/main\.test\/$/],
    ['no host (HTTP/1.0)', ['-0', '-H', 'Host:', '/'], 302, /^http:\/\/main\.test\/$/],
    [
      'POST to an unknown host',
      ['-X', 'POST', '-H', 'Host: nope.test', '/a/b?c=d'],
      302,
      /^http:\/\/main\.test\/a\/b\?c=d$/,
    ],
    ['an IPv6 literal', ['-H', `Host: [::1]:${port}`, '/'], 200, /^hello2/],
    ['an IPv6 literal, spelled out', ['-H', `Host: [0:0:0:0:0:0:0:1]:${port}`, '/'], 200, /^hello2/],
    ['an unknown IPv6 literal', ['-H', `Host: [::2]:${port}`, '/'], 302, /^http:\/\/main\.test\/$/],
    [
      'X-Forwarded-Host',
      ['-H', 'Host: main.test', '-H', 'X-Forwarded-Host: nope.test', '/'],
      200,
      /^hello \d/,
    ],
    ['an unknown path', ['-H', 'Host: main.test', '/missing'], 404, /nothing here/],
    ['a handler that fails', ['-H', 'Host: main.test', '/throw'], 500, /^Internal Server Error$/],
    ['a host that is none', ['-H', 'Host: a/b', '/'], 400, /./],
  ]
  it.each(rows)('%s', async (_, args, status, rest) => {
    await running()
    const [path, ...options] = [args.at(-1) ?? '/', ...args.slice(0, -1)]
    const answer = curl(...options, `http://127.0.0.1:${port}${path}`)
    expect(answer.status).toBe(status)
    expect(status === 302 ? answer.location : answer.body).toMatch(rest)
  })

  it('a site for any host takes what has no site of its own, and nothing is redirected', async () => {
    await running()
    expect(curl('-H', 'Host: a.b', `http://127.0.0.1:${any}/`).body).toMatch(/^hello \d/)
    expect(curl('-H', 'Host: other.test', `http://127.0.0.1:${any}/`).body).toBe('hello2 GET /')
  })

  it('a URL in the request line counts more than the header', async () => {
    await running()
    const answer = await rawRequest(
      port,
      `GET http://OTHER.test:${port}/x HTTP/1.1\r\nHost: main.test\r\nConnection: close\r\n\r\n`,
    )
    expect(answer).toContain('hello2 GET /x')
  })

  it.each([
    ['OPTIONS *', ['other.test'], 204],
    ['GET *', ['other.test'], 400],
    ['GET ftp://other.test/', ['other.test'], 400],
    ['GET http:///x', ['other.test'], 400],
    ['CONNECT other.test:80', ['other.test'], 501],
    ['TRACE /', ['other.test'], 501],
    ['GET /', ['other.test', 'main.test'], 400],
    ['GET /', ['oth er.test'], 400],
  ])('a request that is for no site: %s for %j', async (line, hosts, status) => {
    await running()
    const headers = [...hosts.map((host) => `Host: ${host}`), 'Connection: close']
    const answer = await rawRequest(port, `${line} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`)
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  })

  it('an empty host is none, and no part of the path becomes one', async () => {
    await running()
    const answer = await rawRequest(any2, 'GET /admin HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n')
    expect(answer).toContain('hello2 GET /admin')
  })
})

describe('a site that is wrong', () => {
  it('ends neither the others nor the answers that it has given', async () => {
    const port = freePort()
    const service = await startSites({
      sites: [
        ['hello', null, port],
        ['faulty', null, port],
      ],
    })
    const ask = (path: string) => curl(`http://127.0.0.1:${port}${path}`)
    expect(ask('/both')).toMatchObject({ status: 200, body: 'whole' })
    // Neither passed on, nor ended as if it were whole.
    expect(await rawRequest(port, 'GET /half HTTP/1.1\r\nHost: a\r\n\r\n')).not.toMatch(/hello|\r\n0\r\n/)
    expect(ask('/error')).toMatchObject({ status: 500, body: 'Internal Server Error' })
    expect(readFileSync(service.log, 'utf8')).toContain('no database')
    expect((await service.run('status')).record['state']).toBe('running')
  })

  it('is not what a client makes of it that goes away, and lets go of what nobody reads', async () => {
    const port = freePort()
    const service = await startSites({ sites: [['endless', null, port]] })
    const leave = (text: string) =>
      new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => socket.write(text))
        socket.on('data', () => socket.destroy()).on('close', () => resolve())
      })
    await leave('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await leave('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n')
    expect(curl('-I', `http://127.0.0.1:${port}/`).status).toBe(200)
    const said = () => readFileSync(service.log, 'utf8').split('\n').sort()
    await until('it is let go', () => said().length > 2)
    await service.run('stop')
    expect(said()).toEqual(['', 'let go by GET', 'let go by HEAD'])
  })

  it('takes nothing of a body that it does not read, from the next site or from the connection', async () => {
    const port = freePort()
    await startSites({
      sites: [
        ['takes', null, port],
        ['leaves', null, port],
      ],
    })
    const body = scratch.file('body')
    for (const length of [5, 3_000_000]) {
      writeFileSync(body, 'x'.repeat(length))
      const post = (path: string) => {
        // Twice on one connection.
        const url = `http://127.0.0.1:${port}${path}`
        return spawnSync(
          'curl',
          ['-sS', '--max-time', '5', '-H', 'Expect:', '--data-binary', `@${body}`, url, url],
          { encoding: 'utf8' },
        )
      }
      expect(post('/')).toMatchObject({ stdout: 'left\nleft\n', stderr: '' })
      expect(post('/pass')).toMatchObject({ stdout: `took ${length}\ntook ${length}\n`, stderr: '' })
    }
  })

  it('leaves nothing of its own answer in the one that says so', async () => {
    const port = freePort()
    await startSites({ sites: [['faulty', null, port]] })
    const answer = await rawRequest(
      port,
      'GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    )
    expect(answer.match(/^content-length: \d+/gim)).toEqual(['Content-Length: 22', 'Content-Length: 22'])
    expect(answer).not.toContain('session')
  })
})

function rawRequest(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket
      .on('data', (bytes) => (answer += bytes.toString()))
      .on('end', () => resolve(answer))
      .on('error', reject)
  })
}

describe('default_host_redirect (W23)', () => {
  it('keeps a port of its own, may be permanent, and never leads to itself', async () => {
    const port = freePort()
    const service = await startSites({
      sites: [['hello', 'main.test', port]],
      default_host_redirect: `main.test:${port}`,
      redirect_status: 308,
    })
    const answer = curl('-H', 'Host: nope.test', `http://127.0.0.1:${port}/a?b`)
    expect(answer).toMatchObject({ status: 308, location: `http://main.test:${port}/a?b` })
    await service.run('stop')
    service.configure({
      module_paths: [modules],
      sites: [['hello', 'main.test', port]],
      default_host_redirect: `gone.test:${port}`,
    })
    await service.run('start')
    expect(curl('-H', `Host: GONE.test:${port}`, `http://127.0.0.1:${port}/`)).toMatchObject({
      status: 404,
      location: undefined,
    })
    expect(curl('-H', 'Host: gone.test', `http://127.0.0.1:${port}/`)).toMatchObject({
      status: 404,
      location: undefined,
    })
    expect(curl('-H', 'Host: nope.test', `http://127.0.0.1:${port}/`).status).toBe(302)
    // curl ends by itself, and not because it has followed fifty times.
    expect(
      spawnSync(
        'curl',
        [
          '-sL',
          '-o',
          '/dev/null',
          '-w',
          '%{num_redirects}',
          '--resolve',
          `gone.test:${port}:127.0.0.1`,
          '--resolve',
          `nope.test:${port}:127.0.0.1`,
          `http://nope.test:${port}/`,
        ],
        { encoding: 'utf8' },
      ).stdout,
    ).toBe('1')
  })

  it('is 404 without it', async () => {
    const port = freePort()
    await startSites({ sites: [['hello', 'main.test', port]] })
    expect(curl('-H', 'Host: nope.test', `http://127.0.0.1:${port}/`).status).toBe(404)
  })
})

describe('modules', () => {
  it('may be listeners, fetch handlers, objects with a beginning and an end, CommonJS, or registered', async () => {
    const port = freePort()
    const service = await startSites({
      load: ['defines'],
      sites: [
        { module: 'whole', host: 'a.test', port, url: '/app/' },
        ['hello2', 'a.test', port],
        ['first', 'a.test', port],
        ['old', 'b.test', port],
        ['registered', 'c.test', port],
        [`${modules}/hello2.mjs`, 'd.test', port],
        ['./../modules/hello2.mjs', 'e.test', port],
      ],
    })
    const ask = (host: string, path: string) =>
      curl('-H', `Host: ${host}`, `http://127.0.0.1:${port}${path}`).body
    expect(ask('a.test', '/app/x?y=1')).toBe('whole true /x?y=1 /app/x?y=1')
    expect(ask('a.test', '/app')).toBe('whole true / /app')
    expect(ask('a.test', '/apple')).toBe('hello2 GET /apple')
    // Of two at one place the later is asked first, and passes on what is not its own.
    expect(ask('a.test', '/first')).toBe('first')
    expect(ask('a.test', '/other')).toBe('hello2 GET /other')
    expect(ask('b.test', '/')).toBe('cjs')
    expect(ask('c.test', '/')).toBe('registered')
    expect(ask('d.test', '/')).toBe('hello2 GET /')
    expect(ask('e.test', '/')).toBe('hello2 GET /')
    await service.run('stop')
    expect(readFileSync(service.log, 'utf8')).toContain('closed')
  })

  it('may be ES modules that do not say so, CommonJS that needs ES modules, or was one', async () => {
    const port = freePort()
    await startSites({
      sites: [
        ['silent', 'a.test', port],
        ['requires', 'b.test', port],
        ['compiled', 'c.test', port],
      ],
    })
    const ask = (host: string) => curl('-H', `Host: ${host}`, `http://127.0.0.1:${port}/`).body
    expect(ask('a.test')).toBe('silent')
    expect(ask('b.test')).toBe('part')
    expect(ask('c.test')).toBe('compiled')
  })

  it.each([
    [{ sites: [['broken', null, 0]] }, /no database/],
    [{ sites: [['nowhere', null, 0]] }, /Cannot find module "nowhere"/],
    [{ sites: [['hello', null, 0]], load: ['nowhere'] }, /Cannot find module "nowhere"/],
  ])('that cannot be loaded fail the start, with the reason: %j', async (config, reason) => {
    const service = new TestService(scratch, { module_paths: [modules], ...config })
    const { status, stderr } = await service.run('start')
    expect(status).toBe(1)
    expect(stderr).toMatch(reason)
    expect(service.hasRecords()).toBe(false)
  })

  it('fail the start when their port is taken', async () => {
    const port = freePort()
    await startSites({ sites: [['hello', null, port]] })
    const second = new TestService(scratch, { module_paths: [modules], sites: [['hello', null, port]] })
    const { status, stderr } = await second.run('start')
    expect(status).toBe(1)
    expect(stderr).toMatch(/cannot listen at 0\.0\.0\.0:\d+: address already in use/)
  })
})

describe('TLS (W23)', () => {
  const certificate = (name: string, ...more: string[]) => {
    const files = { cert: scratch.file(`${name}.crt`), key: scratch.file(`${name}.key`) }
    const subject = ['-subj', `/CN=${name}`, '-keyout', files.key, '-out', files.cert, '-days', '2']
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
    const keyArgs = more.length > 0 ? more : ['-nodes']
    const made = spawnSync('openssl', ['req', '-x509', ...kind, ...subject, ...keyArgs], { encoding: 'utf8' })
    expect(made.status, made.stderr).toBe(0)
    return files
  }
  const subjectOf = (port: number, name?: string) => {
    const args = [
      's_client',
      '-connect',
      `127.0.0.1:${port}`,
      ...(name ? ['-servername', name] : ['-noservername']),
    ]
    const { stdout } = spawnSync('openssl', args, { input: '', encoding: 'utf8' })
    return /subject=CN = (\S+)/.exec(stdout)?.[1]
  }

  it('each host has its certificate, by SNI, and keys are read before the privileges go', async () => {
    const port = freePort()
    const a = certificate('a.test')
    const b = certificate('b.test', '-passout', 'pass:hunter2')
    const c = certificate('c.test')
    spawnSync('chmod', ['600', a.key, b.key, c.key])
    const service = await startSites({
      ...unprivileged,
      sites: [
        ['hello', 'a.test', port, [a.cert, a.key]],
        ['hello2', 'b.test', port, [b.cert, b.key, 'hunter2']],
        { module: 'hello2', host: 'C.test.', port, tls: c },
      ],
      default_host_redirect: 'a.test',
    })
    expect([
      subjectOf(port, 'a.test'),
      subjectOf(port, 'B.test'),
      subjectOf(port, 'c.test'),
      subjectOf(port),
    ]).toEqual(['a.test', 'b.test', 'c.test', 'a.test'])
    const ask = (host: string) =>
      curl('-k', '--resolve', `${host}:${port}:127.0.0.1`, `https://${host}:${port}/`)
    expect(ask('b.test').body).toBe('hello2 GET /')
    expect(ask('nope.test').location).toBe('https://a.test/')
    const everything = spawnSync(
      'sh',
      [
        '-c',
        `cat /proc/${service.pid()}/cmdline /proc/${service.pid()}/environ ${service.state} ${service.log}`,
      ],
      { encoding: 'utf8' },
    )
    expect(everything.stdout).not.toContain('hunter2')
  })

  it('a connection that never says hello does not keep stop waiting, nor a site from its end', async () => {
    const port = freePort()
    const { cert, key } = certificate('f.test')
    const service = await startSites({
      sites: [{ module: 'whole', port, tls: { cert, key } }],
      drain_timeout: 100,
      stop_timeout: 60_000,
    })
    const silent = connect(port, '127.0.0.1').on('error', () => undefined)
    await new Promise((resolve) => silent.on('connect', resolve))
    // It has been accepted when another one, made later, has been answered.
    expect(curl('-k', `https://127.0.0.1:${port}/`).status).toBe(200)
    expect((await service.run('stop')).record).toMatchObject({ state: 'stopped', reason: null })
    expect(readFileSync(service.log, 'utf8')).toContain('closed')
    silent.destroy()
  })

  it('a certificate that stands twice has the key that stands with it', async () => {
    const port = freePort()
    const { cert, key } = certificate('g.test')
    const other = certificate('h.test')
    const service = new TestService(scratch, {
      module_paths: [modules],
      sites: [
        ['hello', 'g.test', port, [cert, key]],
        ['hello', 'h.test', port, [cert, other.key]],
      ],
    })
    const { status, stderr } = await service.run('start')
    expect(status).toBe(1)
    expect(stderr).toContain(`the certificate and key of h.test at 0.0.0.0:${port}: key values mismatch`)
  })

  it('and plain sites cannot share a port, which is said', async () => {
    const port = freePort()
    const { cert, key } = certificate('d.test')
    const service = new TestService(scratch, {
      module_paths: [modules],
      sites: [
        ['hello', 'd.test', port, [cert, key]],
        ['hello', 'e.test', port],
      ],
    })
    const { status, stderr } = await service.run('start')
    expect(status).toBe(6)
    expect(stderr).toContain('sites with TLS and sites without')
  })
})

describe('restart and reload under load', () => {
  // PLUMBLINE_EXCHANGES: a long run, of thousands of requests.
  const exchanges = Number(process.env['PLUMBLINE_EXCHANGES'] ?? 3)

  it.each(['restart', 'reload'] as const)('%s drops no request', async (command) => {
    const port = freePort()
    const service = await startSites({ sites: [['hello', null, port]] })
    const counts = { ok: 0, failed: [] as string[] }
    const pids = new Set<string>()
    const load = { going: true }
    const ask = (agent: Agent | false) =>
      new Promise<void>((resolve) => {
        get({ port, host: '127.0.0.1', agent, path: counts.ok % 7 === 0 ? '/slow' : '/' }, (res) => {
          let body = ''
          res.on('data', (bytes: Buffer) => (body += bytes.toString()))
          res.on('end', () => {
            counts.ok++
            if (body.startsWith('hello')) pids.add(body.trim())
            resolve()
          })
          res.on('error', (error: Error) => {
            counts.failed.push(error.message)
            resolve()
          })
        }).on('error', (error) => {
          counts.failed.push(error.message)
          resolve()
        })
      })
    const kept = new Agent({ keepAlive: true, maxSockets: 4 })
    const clients = Array.from({ length: 8 }, async (_, index) => {
      while (load.going) await ask(index % 2 ? kept : false)
    })
    for (let round = 0; round < exchanges; round++) expect((await service.run(command)).status).toBe(0)
    load.going = false
    await Promise.all(clients)
    kept.destroy()
    expect(counts.failed).toEqual([])
    expect(pids.size).toBeGreaterThanOrEqual(3)
    expect(counts.ok).toBeGreaterThan(50)
  })

  it('stop lets a request in flight be answered', async () => {
    const port = freePort()
    const service = await startSites({ sites: [['hello', null, port]] })
    const answer = new Promise<string>((resolve, reject) => {
      const request = httpRequest({ port, host: '127.0.0.1', path: '/slow', agent: false }, (res) => {
        res.on('data', (bytes: Buffer) => resolve(bytes.toString()))
      })
      request.on('error', reject).end()
    })
    // The request has been taken when another one, sent later, has been answered.
    await new Promise((resolve) => get({ port, host: '127.0.0.1', agent: false }, resolve))
    expect((await service.run('stop')).status).toBe(0)
    expect(await answer).toBe('slow\n')
  })

  it.each(['stop', 'restart'])(
    '%s ends the old server too whose end somebody did not live to see',
    async (command) => {
      const port = freePort()
      const service = await startSites({
        sites: [['never', null, port]],
        // Nothing but the record tells of it then, as without root.
        cgroup: false,
        drain_timeout: 60_000,
      })
      const old = service.pid()
      await new Promise<void>((resolve) => {
        const request = get({ port }, (response) => {
          response.on('error', () => undefined).once('data', () => resolve())
        })
        request.on('error', () => undefined)
      })
      const restart = spawn(process.execPath, [daemonize, service.conf, 'restart'], { stdio: 'ignore' })
      await until('there is a new one', () => service.pid() !== old)
      restart.kill('SIGKILL')
      expect(isAlive(old)).toBe(true)
      service.configure({
        sites: [['never', null, port]],
        module_paths: [modules],
        cgroup: false,
        drain_timeout: 0,
      })
      expect((await service.run(command)).status).toBe(0)
      expect(isAlive(old)).toBe(false)
      expect((await service.run('status')).status).toBe(command === 'stop' ? 3 : 0)
      await service.run('stop')
    },
  )

  it('a new configuration that does not work leaves the old server serving', async () => {
    const port = freePort()
    const service = await startSites({ sites: [['hello', null, port]] })
    const before = service.pid()
    service.configure({ module_paths: [modules], sites: [['broken', null, port]] })
    const { status, stderr, record } = await service.run('restart')
    expect(status).toBe(1)
    expect(stderr).toContain('no database')
    expect(record).toMatchObject({ state: 'running', pid: before })
    expect(curl(`http://127.0.0.1:${port}/`).body).toBe(`hello ${before}`)
  })

  it('sockets at an address that stands twice, with any port, stay what they are', async () => {
    const address = '127.0.0.1'
    const service = await startSites({ sites: [{ module: 'hello', address, port: 0 }], repl: 0 })
    const inodes = () =>
      readdirSync(`/proc/${service.pid()}/fd`)
        .filter((fd) => fd === '3' || fd === '4')
        .map((fd) => readlinkSync(`/proc/${service.pid()}/fd/${fd}`))
    const before = inodes()
    expect(new Set(before).size).toBe(2)
    const { status, stderr } = await service.run('restart')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(inodes()).toEqual(before)
  })

  it('reload takes new sites, on new ports, and leaves the old ones', async () => {
    const [one, two] = [freePort(), freePort()]
    const service = await startSites({ sites: [['hello', null, one]] })
    service.configure({ module_paths: [modules], sites: [['hello2', null, two]] })
    expect((await service.run('reload')).status).toBe(0)
    expect(curl(`http://127.0.0.1:${two}/`).body).toBe('hello2 GET /')
    expect(curl(`http://127.0.0.1:${one}/`).status).toBeNaN()
  })
})

describe('cachedir', () => {
  const hasOwn = 'enableCompileCache' in Module
  it.runIf(hasOwn)('holds the cache of Node itself, from version 22 on, for the service only', async () => {
    const port = freePort()
    const service = await startSites({ ...unprivileged, sites: [['old', null, port]] })
    const folder = `${service.folder}/cache/v8`
    const files = () => readdirSync(folder, { recursive: true }).map((name) => statSync(`${folder}/${name}`))
    await until('it is written', () => existsSync(folder) && files().some((file) => file.isFile()))
    expect(files().map(({ uid }) => uid)).toEqual(files().map(() => unprivilegedUid))
    expect((await service.run('restart')).status).toBe(0)
    expect(curl(`http://127.0.0.1:${port}/`).body).toBe('cjs')
  })

  it.skipIf(hasOwn)(
    'keeps what V8 compiled of CommonJS modules, and is believed only when it fits',
    async () => {
      const port = freePort()
      const service = await startSites({ ...unprivileged, sites: [['old', null, port]] })
      const folder = `${service.folder}/cache/v8`
      const ask = () => curl(`http://127.0.0.1:${port}/`).body
      expect(ask()).toBe('cjs')
      await until('it is written', () => existsSync(folder) && readdirSync(folder).length === 1)
      const [name = ''] = readdirSync(folder)
      expect(statSync(`${folder}/${name}`)).toMatchObject({ uid: unprivilegedUid, mode: 0o100600 })
      const first = statSync(`${folder}/${name}`).ino
      expect((await service.run('restart')).status).toBe(0)
      expect(ask()).toBe('cjs')
      // It was used, and not written again.
      expect(statSync(`${folder}/${name}`).ino).toBe(first)
      writeFileSync(`${folder}/${name}`, 'nonsense')
      expect((await service.run('restart')).status).toBe(0)
      expect(ask()).toBe('cjs')
      await until('it is written anew', () => statSync(`${folder}/${name}`).ino !== first)
    },
  )
})

describe('modules in TypeScript', () => {
  // Not a word of this file's own.
  const importing = 'import'
  const folder = scratch.file('typescript')
  mkdirSync(folder)
  const write = (name: string, text: string) => writeFileSync(`${folder}/${name}`, text)
  write(
    'greet.ts',
    'export type Whom = { name: string }\nexport const greet = <T extends Whom>({ name }: T) => `hello ${name}`\n',
  )
  write(
    'plain.cts',
    "const { sep } = require('node:path') as typeof import('node:path')\nmodule.exports = (req: unknown, res: any) => res.end(`cts ${sep}`)\n",
  )
  write(
    'typed.ts',
    `import type { RequestListener } from 'node:http'
${importing} { greet, type Whom } from './greet.js'
enum Kind { Site = 'site' }
interface Answer { text: string }
const whom: Whom = { name: Kind.Site }
const listener: RequestListener = (req, res) => {
  if (req.url === '/throw') throw new Error('on line 7' as string)
  res.end(({ text: greet(whom) } satisfies Answer).text)
}
export default listener
`,
  )

  it('are served, with their imports, and kept without their types for the next start', async () => {
    const port = freePort()
    const service = await startSites({
      ...unprivileged,
      module_paths: [folder],
      sites: [
        ['typed', null, port],
        ['plain', 'plain.test', port],
      ],
    })
    const kept = `${service.folder}/cache/ts`
    expect(curl(`http://127.0.0.1:${port}/`).body).toBe('hello site')
    expect(curl('-H', 'Host: plain.test', `http://127.0.0.1:${port}/`).body).toBe('cts /')
    expect(curl(`http://127.0.0.1:${port}/throw`).status).toBe(500)
    expect(readFileSync(service.log, 'utf8')).toMatch(/Error: on line 7\n.*typed\.ts:7:/)
    const names = readdirSync(kept)
    expect(names).toHaveLength(3)
    for (const name of names)
      expect(statSync(`${kept}/${name}`)).toMatchObject({ uid: unprivilegedUid, mode: 0o100600 })
    const first = names.map((name) => statSync(`${kept}/${name}`).ino)
    expect((await service.run('restart')).status).toBe(0)
    expect(curl(`http://127.0.0.1:${port}/`).body).toBe('hello site')
    expect(names.map((name) => statSync(`${kept}/${name}`).ino)).toEqual(first)
  })

  it.skipIf(!isRoot)('are not taken from the cache of a user that the service had before', async () => {
    const port = freePort()
    writeFileSync(`${modules}/owned.ts`, `export default (req, res) => res.end('honest\\n')`)
    const service = await startSites({ user: 'nobody', sites: [['owned', null, port]] })
    await service.run('stop')
    const kept = readdirSync(`${service.folder}/cache/ts`).map((name) => `${service.folder}/cache/ts/${name}`)
    expect(kept).toHaveLength(1)
    for (const path of kept) writeFileSync(path, `export default (req, res) => res.end('forged\\n')`)
    service.configure({ module_paths: [modules], sites: [['owned', null, port]] })
    expect((await service.run('start')).status).toBe(0)
    expect(curl(`http://127.0.0.1:${port}/`).body).toBe('honest')
  })

  it('that are no TypeScript fail the start, with the place', async () => {
    write('wrong.ts', 'export const fine: number = 1\nexport default ((\n')
    const service = new TestService(scratch, { module_paths: [folder], sites: [['wrong', null, 0]] })
    const { status, stderr } = await service.run('start')
    expect(status).toBe(1)
    expect(stderr).toMatch(/SyntaxError: Unexpected token \(.*wrong\.ts:3:1\)\n/)
  })

  it('may be the configuration', () => {
    write(
      'conf.ts',
      `const name: string = 'typed'\nexport default { name, command: ['sleep', '1'] as const }\n`,
    )
    expect(spawnSync(process.execPath, [daemonize, `${folder}/conf.ts`, 'check']).status).toBe(0)
  })
})

describe("the seed's own example", () => {
  it('can be written line by line', async () => {
    const port = freePort()
    await startSites({ ...unprivileged, load: ['defines'], sites: [['registered', null, port]] })
    expect(curl(`http://127.0.0.1:${port}/`).body).toBe('registered')
  })
})
