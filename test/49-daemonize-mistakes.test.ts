// The mistakes that people make most: each has a status of its own kind, and a sentence that says what and where.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { daemonize, runDaemonize } from './support/daemonize.ts'
import { Scratch } from './support/scratch.ts'
import { environment } from './support/shell.ts'

const scratch = new Scratch('daemonize-mistakes')
const write = (name: string, text: string) => {
  writeFileSync(scratch.file(name), text)
  return scratch.file(name)
}
const importing = 'import'
write('syntax.mjs', "export default (req, res) => {\n  res.end('x'\n}\n")
write('syntax.cjs', 'module.exports = {\n  a b\n}\n')
write('imports-syntax.mjs', `${importing} './syntax.mjs'\nexport default () => {}\n`)
write('imports-nothing.mjs', `${importing} x from './nothing.mjs'\nexport default x\n`)
write('throws.mjs', "\nthrow new Error('DATABASE_URL is not set')\n")
write('shape.mjs', 'export const x = 1\n')
write('fine.mjs', 'export default (req, res) => res.end()\n')
const noProgram = write('no-program', 'echo hello\n')
const site = (module: string) => ({ sites: [[`./${module}`, null, 0]] })

const makeKeyPair = (name: string) => {
  const [cert, key] = [scratch.file(`${name}.crt`), scratch.file(`${name}.key`)]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  const args = ['req', '-x509', ...kind, '-subj', '/CN=h.test', '-keyout', key, '-out', cert]
  expect(spawnSync('openssl', args).status).toBe(0)
  return { cert, key }
}

let configurations = 0
const configure = (config: Record<string, unknown>) =>
  write(
    `${++configurations}.json`,
    JSON.stringify({
      name: 'm',
      pidfile: 'run/m.pid',
      cachedir: 'cache',
      log: `${configurations}.log`,
      ...config,
    }),
  )

describe('a service that cannot start', () => {
  it.each<[what: string, config: Record<string, unknown>, status: number, sentence: RegExp]>([
    [
      'an error of syntax',
      site('syntax.mjs'),
      1,
      /"\.\/syntax\.mjs": SyntaxError: .* \(.*\/syntax\.mjs:2\)\n/,
    ],
    ['one in CommonJS', site('syntax.cjs'), 1, /SyntaxError: .* \(.*\/syntax\.cjs:2\)\n/],
    ['one in what it imports', site('imports-syntax.mjs'), 1, /SyntaxError: .* \(.*\/syntax\.mjs:2\)\n/],
    [
      'an import of nothing',
      site('imports-nothing.mjs'),
      1,
      /Cannot find module '.*nothing\.mjs' imported from .*imports-nothing\.mjs\n/,
    ],
    [
      'an exception in a module',
      site('throws.mjs'),
      1,
      /Error: DATABASE_URL is not set \(.*\/throws\.mjs:2\)\n/,
    ],
    [
      'a module of another shape',
      site('shape.mjs'),
      1,
      /Cannot serve module ".\/shape.mjs": expected a function/,
    ],
    ['a module that is not there', site('nowhere.mjs'), 1, /Cannot find module ".\/nowhere.mjs" in \//],
    [
      'no certificate',
      { sites: [['./fine.mjs', 'h', 0, ['/no/cert.pem', '/no/key']]] },
      6,
      /Cannot read "\/no\/cert.pem": no such file/,
    ],
    [
      'a certificate with the key of another',
      { sites: [['./fine.mjs', 'h.test', 0, [makeKeyPair('one').cert, makeKeyPair('other').key]]] },
      1,
      /the certificate and key of h\.test at 0\.0\.0\.0:0: key values mismatch\n/,
    ],
    [
      'a kept log that is a directory',
      { command: ['sleep', '1'], log: { path: '/tmp' } },
      1,
      /Cannot create "\/tmp": is a directory\n/,
    ],
    ['a program that is not there', { command: ['nonesuch'] }, 5, /nonesuch/],
    ['a program that is none', { command: [noProgram] }, 5, /Cannot run ".*no-program": permission denied/],
    [
      'a script that is not there',
      { command: ['node', '/nowhere.js'], ready: { fd: 3 } },
      1,
      /before it was ready: Error: Cannot find module '\/nowhere.js'\n$/,
    ],
    [
      'an exception in a program',
      { command: ['node', '-e', 'throw new TypeError("no port")'], ready: { fd: 3 } },
      1,
      /before it was ready: TypeError: no port\n$/,
    ],
    [
      'a program that forks away',
      { command: 'sleep 1 & exit 0', ready: { fd: 3 } },
      1,
      /it ended with status 0 before it was ready/,
    ],
    [
      'a folder that is not there',
      { command: ['sleep', '9'], cwd: '/nowhere' },
      1,
      /cwd: no such file or directory/,
    ],
    [
      'a folder for a log',
      { command: ['sleep', '9'], log: '/tmp' },
      1,
      /Cannot create "\/tmp": is a directory/,
    ],
    [
      'a pidfile below a file',
      { command: ['sleep', '9'], pidfile: '/etc/passwd/m.pid' },
      1,
      /Cannot create "\/etc\/passwd"/,
    ],
    ['an unknown user', { command: ['sleep', '9'], user: 'wwww-data' }, 6, /There is no user "wwww-data"/],
    [
      'an unknown host',
      { command: ['sleep', '9'], ready: { port: 9, host: 'nowhere.invalid' } },
      6,
      /there is no host "nowhere.invalid"/,
    ],
  ])('%s', async (_, config, status, sentence) => {
    const answer = await runDaemonize([configure(config), 'start'])
    expect(answer.stderr).toMatch(sentence)
    expect(answer.stderr).not.toMatch(/node:internal\/modules\/esm|dist\/host/)
    expect(answer.status).toBe(status)
    expect(answer.record).toMatchObject({ type: 'service', state: 'stopped' })
  })

  it.each<[what: string, config: Record<string, unknown>, status: number, sentence: RegExp]>([
    [
      'a certificate with the key of another',
      { sites: [['./fine.mjs', 'h.test', 0, [makeKeyPair('one').cert, makeKeyPair('other').key]]] },
      6,
      /Cannot use ".*one\.crt": with key ".*other\.key": key values mismatch\n/,
    ],
    [
      'sites with TLS and sites without on one port',
      {
        sites: [
          ['./fine.mjs', 'h.test', 0, ['cert', 'key']],
          ['./fine.mjs', null, 0],
        ],
      },
      6,
      /Cannot use ".*\.json": 0\.0\.0\.0:0 has sites with TLS and sites without\n/,
    ],
    ['a program that may not be run', { command: [noProgram] }, 5, /no-program": permission denied\n/],
    ['a directory for a program', { command: ['/tmp'] }, 5, /Cannot run "\/tmp": is a directory\n/],
    [
      'more descriptors than the kernel takes of anybody',
      { command: ['sleep', '9'], limits: { nofile: 'unlimited' } },
      6,
      /"limits\.nofile": the most that this machine takes \(fs\.nr_open\) is \d+\n/,
    ],
  ])('check sees %s', async (_, config, status, sentence) => {
    const answer = await runDaemonize([configure(config), 'check'])
    expect({ status: answer.status, stderr: answer.stderr }).toEqual({
      status,
      stderr: expect.stringMatching(sentence) as string,
    })
  })

  it('check looks for a program where the service will be', async () => {
    const root = scratch.file('root')
    mkdirSync(`${root}/bin`, { recursive: true })
    writeFileSync(`${root}/bin/only-here`, '#!/bin/sh\n', { mode: 0o755 })
    for (const [status, config] of [
      [0, { command: ['/bin/only-here'], chroot: root }],
      [0, { command: ['only-here'], chroot: root }],
      [0, { command: ['./only-here'], cwd: `${root}/bin` }],
      [5, { command: ['/bin/sh'], chroot: root }],
      [5, { command: ['sh'], chroot: root }],
      [5, { command: ['./only-here'] }],
    ] as const)
      expect(await runDaemonize([configure(config), 'check'])).toMatchObject({ status })
  })

  it('a port that is taken', async () => {
    const other = createServer().listen(0, '0.0.0.0')
    await new Promise((resolve) => other.on('listening', resolve))
    const { port } = other.address() as { port: number }
    const { status, stderr } = await runDaemonize([
      configure({ sites: [['./fine.mjs', null, port]] }),
      'start',
    ])
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `daemonize: Cannot start m: cannot listen at 0.0.0.0:${port}: address already in use\n`,
    })
    await new Promise((resolve) => other.close(resolve))
  })

  it.skipIf(process.getuid?.() !== 0)('what only root may do, by someone else', () => {
    const open = scratch.file('open')
    mkdirSync(open)
    chmodSync(open, 0o1777)
    const text = (config: Record<string, unknown>) =>
      JSON.stringify({
        name: 'm',
        pidfile: `${open}/run/m.pid`,
        cachedir: `${open}/cache`,
        log: `${open}/log`,
        ...config,
      })
    const as = (conf: string, command = 'start', before = ':') =>
      spawnSync(
        'setpriv',
        ['--reuid=65534', '--regid=65534', '--clear-groups'].concat(
          ['sh', '-c', `${before}; exec "$@"`, 'sh'],
          [process.execPath, daemonize, conf, command],
        ),
        {
          env: environment({ HOME: open }),
          encoding: 'utf8',
        },
      )
    const port = as(write('open/port.json', text({ sites: [[`${open}/fine.mjs`, null, 80]] })))
    expect(port.stderr).toContain('cannot listen at 0.0.0.0:80: permission denied')
    expect(port.status).toBe(4)
    const nice = as(write('open/nice.json', text({ command: ['sleep', '9'], nice: -5 })))
    expect(nice.stderr).toContain('nice: permission denied')
    expect(nice.status).toBe(4)
    const limits = write('open/limits.json', text({ command: ['sleep', '9'], limits: { nofile: 64 } }))
    expect(as(limits, 'check', 'ulimit -n 64')).toMatchObject({ status: 0 })
    expect(as(limits, 'check', 'ulimit -n 63')).toMatchObject({
      status: 6,
      stderr: expect.stringContaining(
        'the hard limit of the caller, who may not raise it, is 63\n',
      ) as string,
    })
  })
})

describe('a configuration that cannot be used', () => {
  it.each([
    [
      'json',
      '{"name": "x", "command": "x", "start_timeout": 99999999999}',
      /field "start_timeout": expected at most 1000000000/,
    ],
    [
      'json',
      '{"name": "x", "command": "x", "listen": [0, 0], "ready": {"fd": 4}}',
      /descriptor 4 is a socket of "listen": expected 5 or more/,
    ],
    ['json', '{\n "name": "x",\n "command": ["a"],,\n}', /in JSON at position 34 \(line 3 column 19\)\n/],
    [
      'json',
      '{\n "name": "x",\n "command": [,]\n}',
      /: Unexpected token ',', not valid JSON \(line 3 column 14\)\n/,
    ],
    ['yaml', 'name: x\ncommand: [a\n  b: c\n', /at line 2, column 11\n/],
    ['yaml', 'name: x\nname: y\n', /Map keys must be unique at line 2, column 1\n/],
    [
      'json',
      '{"name": "x", "command": "x", "user": "nobody",\n "user": "root"}',
      /key "user" stands twice \(line 2 column 2\)\n/,
    ],
    ['json', '{"name": "x", "comand": "y"}', /there is no key "comand" \(did you mean "command"\?\)/],
    ['json', '{"name": "my site", "command": "y"}', /field "name": expected letters, digits/],
    [
      'json',
      '{"name": "x", "command": "y", "ready": "fd"}',
      /field "ready": expected "exec", "notify", .*, found "fd"/,
    ],
    [
      'json',
      '{"name": "x", "sites": ["a", {"modul": "y"}]}',
      /there is no key "sites.1.modul" \(did you mean "module"\?\)/,
    ],
    [
      'json',
      '{"name": "x", "sites": [{"module": "y", "tls": {"cert": "c", "key": "k", "pass": "p"}}]}',
      /there is no key "sites.0.tls.pass"/,
    ],
    [
      'json',
      '{"name": "x", "command": "y", "limits": {"nofiles": 1}}',
      /there is no key "limits.nofiles" \(did you mean "nofile"\?\)/,
    ],
    [
      'json',
      '{"name": "x", "command": "y", "limits": {"core": ["unlimited", 0]}}',
      /field "limits.core": expected \[soft, hard\], soft not above hard\n/,
    ],
    [
      'json',
      '{"name": "x", "command": "y", "limits": {"fsize": 1e30}}',
      /field "limits.fsize": expected at most \d+, or "unlimited"/,
    ],
    [
      'json',
      JSON.stringify({
        name: 'x',
        command: 'y',
        listen: Array.from({ length: 61 }, (_, index) => 9000 + index),
      }),
      /: 61 addresses to listen at: expected at most 60\n/,
    ],
    [
      'json',
      '{"name": "x", "command": "y", "pidfile": "./wrong.json"}',
      /: \S+\/wrong\.json is both the configuration and "pidfile"\n/,
    ],
    [
      'json',
      '{"name": "x", "command": "y", "pidfile": "x.pid", "log": {"path": "x.state"}}',
      /: \S+\/x\.state is both the state beside "pidfile" and "log"\n/,
    ],
    [
      'json',
      '{"name": "x", "command": "y", "listen": [8090, "0.0.0.0:8090"]}',
      /: "listen" names 0\.0\.0\.0:8090 twice\n/,
    ],
    [
      'yaml',
      'name: x\ncommand: y\numask: 022\n',
      /field "umask": expected an octal mode as text, such as "022", in quotes, found 22\n/,
    ],
    ['json', '{"name": "x", "sites": [{"host": "y"}]}', /field "sites.0.module": missing, expected string/],
    [
      'json',
      '{"name": "x", "sites": [{"module": "y", "port": "80"}]}',
      /field "sites.0.port": expected number/,
    ],
    ['json', '{"name": "x", "sites": [80]}', /field "sites.0": expected a module, .*or \{module, host/],
    [
      'json',
      '{"name": "x", "command": "y", "start_timeout": "5s"}',
      /field "start_timeout": expected number, found "5s"/,
    ],
    ['json', '{"name": "x", "command": "y", "ready": {"http": "localhost"}}', /expected an http URL/],
    ['mjs', 'export default {\n  name "x" }\n', /Unexpected string/],
  ])('%s: %s', async (suffix, text, sentence) => {
    const { status, stderr } = await runDaemonize([write(`wrong.${suffix}`, text), 'check'])
    expect(stderr).toMatch(sentence)
    expect(status).toBe(6)
  })
})

describe('a command line that is wrong', () => {
  it.each([
    [['start', 'web.json'], 'The command comes last: web.json start'],
    [['web.json'], 'Expected a command after "web.json"'],
    [['web.json', 'stat'], 'There is no command "stat" (did you mean "start"?)'],
    [['start'], 'Expected a configuration before the command'],
  ])('%j', (args, sentence) => {
    const { status, stderr } = spawnSync(process.execPath, [daemonize, ...args], {
      env: environment(),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    expect(stderr).toContain(`daemonize: ${sentence}\n`)
    expect(status).toBe(2)
  })
})
