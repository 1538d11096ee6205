// How every program behaves as a part of a pipeline: streams that are full, closed or gone, input that is broken or
// cut off, wrong use, help. Daemonize keeps to the statuses of init scripts where they say something else.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { getuid } from 'node:process'
import { beforeAll, describe, expect, test } from 'vitest'
import { TestService } from './support/daemonize.ts'
import { Scratch } from './support/scratch.ts'
import { recordsOf, shell, type ShellOptions } from './support/shell.ts'
import { TestStore } from './support/store.ts'

const scratch = new Scratch('manners')
const runtime = scratch.file('runtime')
const temporary = scratch.file('tmp')
mkdirSync(runtime, { mode: 0o700 })
mkdirSync(temporary)
const store = new TestStore(scratch, 'daemon')
const service = new TestService(scratch, { command: ['/bin/sleep', '1000'] })
const env = { XDG_RUNTIME_DIR: runtime, TMPDIR: temporary, GUIX_DAEMON_SOCKET: store.socket }

const run = (script: string, options: ShellOptions = {}) =>
  shell(script, { cwd: scratch.path, ...options, env: { ...env, ...options.env } })

type Manners = {
  program: string
  /** A small job that writes records, ends well, and needs no input. */
  job: string
  /** A job that writes more than a pipe holds. */
  flood: string
  /** Statuses by sysexits(3), or of init scripts. */
  usage: number
  ioError: number
  /** Wrong use, and what the message says. */
  wrong: readonly (readonly [string, string])[]
}

const sysexits = { usage: 64, ioError: 74 }
const hosts = 'connect local -n --linger 1ms'
const daemon = `store-daemon --store ${store.store} --state ${scratch.file('other')}`

const programs: readonly Manners[] = [
  {
    program: 'connect',
    job: hosts,
    flood: 'connect exec -n -- yes',
    ...sysexits,
    wrong: [
      ['connect', 'Expected a command'],
      ['connect sssh web1', 'There is no "sssh" (did you mean "ssh"?)'],
      ['connect ssh --usr x web1', 'There is no option --usr (did you mean "--user"?)'],
      ['connect ssh -n', 'connect ssh needs a host'],
      ['connect sudo -n -u', 'Option -u needs an argument'],
      [
        'connect local -n --linger=soon',
        'Option --linger expects a duration such as 30s or 2m, found "soon"',
      ],
      ['connect local -n extra', 'connect local takes no operand "extra"'],
      ['connect exec -n', 'connect exec needs a command'],
      ['connect get -n', 'connect get needs one path'],
      ['connect put -n file', 'connect put needs a file and a path'],
      [`${hosts} | connect put - /x`, 'Standard input holds the connections (-n starts at this machine)'],
    ],
  },
  {
    program: 'propapply',
    job: `propapply -n -p 'file.does-not-exist path=/nowhere/x'`,
    flood: 'propapply -n flood.ndjson',
    ...sysexits,
    wrong: [
      ['propapply', 'Expected a site file, or a property with -p'],
      ['propapply -n --job 3 x', 'There is no option --job (did you mean "--jobs"?)'],
      ['propapply -n --jobs none x', 'Option --jobs expects a number above 0, found "none"'],
      ['propapply -n --check=yes x', 'Option --check takes no argument'],
      ['propapply --explain file.has-contents', 'There is no property "file.has-contents" (did you mean'],
      ['propapply - -', 'Standard input can be read once only'],
    ],
  },
  {
    program: 'daemonize',
    job: `daemonize ${service.conf} check`,
    flood: 'daemonize confs list',
    usage: 2,
    ioError: 1,
    wrong: [
      ['daemonize', 'Expected a command'],
      ['daemonize x.json strat', 'There is no command "strat" (did you mean "start"?)'],
      ['daemonize x.json zap --forced', 'There is no option --forced (did you mean "--force"?)'],
      ['daemonize status', 'Expected a configuration before the command'],
    ],
  },
  {
    program: 'store-daemon',
    job: `${daemon} --stdio <ping.ndjson`,
    flood: `${daemon} --stdio <pings.ndjson`,
    ...sysexits,
    wrong: [
      ['store-daemon --stat x', 'There is no option --stat (did you mean "--state"?)'],
      ['store-daemon --store', 'Option --store needs an argument'],
      ['store-daemon --listen 127.0.0.1:99999', '"127.0.0.1:99999" is neither a file name nor HOST:PORT'],
      ['store-daemon --listen ::1', '"::1" needs brackets: [::1]'],
      ['store-daemon extra', 'Unexpected operand "extra"'],
      ['store-daemon --gc-keep-outputs=maybe', 'Option --gc-keep-outputs takes yes or no, not "maybe"'],
    ],
  },
  {
    program: 'store-cli',
    job: 'store-cli ping',
    flood: 'store-cli valid <paths',
    ...sysexits,
    wrong: [
      ['store-cli', 'Expected a command'],
      ['store-cli vald', 'There is no "vald" (did you mean "valid"?)'],
      ['store-cli gc --deed', 'There is no option --deed (did you mean "--dead"?)'],
      ['store-cli add-root x', 'Expected LINK and PATH'],
      ['store-cli verify /gnu/store/x', 'Unexpected operand "/gnu/store/x"'],
      ['store-cli import items', 'Unexpected operand "items"'],
      ['store-cli derivation --make x', 'Expected no operand with --make'],
    ],
  },
]

/** No stack trace, no code of Node's, no more than a sentence and where to look. */
function expectSentence(stderr: string, program: string, ...says: string[]): void {
  const lines = stderr.split('\n').slice(0, -1)
  expect(lines.filter((line) => !line.startsWith(`${program}: `))).toEqual([])
  expect(stderr).not.toMatch(/node:|\bat .*:\d+:\d+|\bE[A-Z]{3,}\b|undefined/)
  for (const say of says) expect(stderr).toContain(say)
}

beforeAll(async () => {
  await store.start()
  const repeat = (count: number, line: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => `${line(index)}\n`).join('')
  const write = (name: string, text: string) => writeFileSync(scratch.file(name), text)
  const property = (path: string) => JSON.stringify({ property: 'file.does-not-exist', path })
  const text = (path: string) => JSON.stringify({ property: 'file.has-content', path, content: 'x' })
  write(
    'flood.ndjson',
    repeat(2000, (index) => property(`/nowhere/${index}`)),
  )
  write('-odd.ndjson', `${property('/nowhere/x')}\n`)
  write('site.ndjson', `${text(scratch.file('touched'))}\n`)
  write('ping.ndjson', '{"type":"ping"}\n')
  write(
    'pings.ndjson',
    repeat(3000, (index) => `{"type":"ping","id":"${index}"}`),
  )
  write(
    'paths',
    repeat(3000, (index) => `${store.store}/${String(index).padStart(32, '0')}-x`),
  )
  mkdirSync(scratch.file('confs'))
  for (let index = 0; index < 400; index++) {
    write(`confs/s${index}.json`, JSON.stringify({ name: `manners-${index}`, command: ['true'] }))
  }
  writeFileSync(scratch.file('-odd.json'), JSON.stringify({ name: 'manners', command: ['true'] }))
})

describe.each(programs)('$program', ({ program, job, flood, usage, ioError, wrong }) => {
  test('does its job', async () => {
    const { status, stdout, stderr } = await run(job)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(recordsOf(stdout).every(({ type }) => typeof type === 'string')).toBe(true)
  })

  test('dies of SIGPIPE, in silence, when its reader has enough', async () => {
    const { stdout, stderr } = await run(`${flood} | head -n 1; echo "\${PIPESTATUS[@]}"`)
    expect(stderr).toBe('')
    expect(stdout.split('\n').slice(1)).toEqual(['141 0', ''])
  })

  test('says in one sentence that standard output is full', async () => {
    const { status, stderr } = await run(`${job} >/dev/full`)
    expect(stderr).toBe(`${program}: Cannot write to standard output: no space left on device\n`)
    expect(status).toBe(ioError)
  })

  test.each(['<&-', '>&-', '2>&-', '<&- >&- 2>&-'])(
    'takes a stream that is closed, %s, as /dev/null',
    async (closed) => {
      const { status, stdout, stderr } = await run(`{ ${job.replace(/<.*/, '')} ; } ${closed}`)
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      if (closed.includes('>&-') && closed !== '2>&-') expect(stdout).toBe('')
      else if (program !== 'store-daemon') expect(recordsOf(stdout).length).toBeGreaterThan(0)
    },
  )

  test('shows no colours', async () => {
    const { stdout, status } = await run(`script -qec ${JSON.stringify(job)} /dev/null`, {
      env: { NO_COLOR: '1', TERM: 'xterm-256color' },
    })
    expect(status).toBe(0)
    // eslint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/\u001b\[[\d;]*m/)
  })

  test('helps on standard output, in 80 columns', async () => {
    const { stdout: list } = await run(`${program} --help`)
    const commands = [...list.matchAll(new RegExp(`^  ${program} ([a-z-]+)  ?`, 'gm'))].map(
      ([, name]) => name,
    )
    const several = /^Commands:$/m.test(list)
    for (const command of several ? commands : ['']) {
      const { status, stdout, stderr } = await run(`${program} ${command ?? ''} -h`)
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      expect(stdout).toMatch(new RegExp(`^${program} `))
      for (const option of ['--help', '--version', '--schema']) expect(stdout).toContain(option)
      expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
    }
  })

  test.each(['--help', '--version', '--schema'])('needs no working directory for %s', async (option) => {
    const { status, stderr } = await run(
      `mkdir gone-${program}; cd gone-${program}; rmdir ../gone-${program}; ${program} ${option}`,
    )
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })

  test('tells its version', async () => {
    const { status, stdout } = await run(`${program} --version`)
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${program} 0.1.0\n` })
  })

  test.each(wrong)('is used wrongly: %s', async (script, says) => {
    const { status, stdout, stderr } = await run(script)
    expect({ status, stdout }).toEqual({ status: usage, stdout: '' })
    expectSentence(stderr, program, says)
    const [, help = ''] = /: Try '(.*)'\n$/.exec(stderr) ?? []
    expect((await run(help)).stdout).toMatch(new RegExp(`^${help.replace(/ --help$/, '')} `))
  })
})

test('after -- nothing is an option', async () => {
  const { stdout } = await run('connect exec -n -- echo -- --help')
  expect(stdout).toBe('-- --help\n')
  expect((await run('propapply -n -- -odd.ndjson')).status).toBe(0)
  expect((await run('daemonize -- -odd.json check')).status).toBe(0)
  expectSentence((await run('store-daemon -- --help')).stderr, 'store-daemon', 'Unexpected operand "--help"')
  const { stdout: answer, status } = await run('store-cli valid -- --help')
  expect({ status, code: recordsOf(answer)[0]?.['code'] }).toEqual({ status: 1, code: 'DAEMON_REFUSED' })
})

// A root directory of one's own needs root.
test.skipIf(getuid?.() !== 0)('a dozen connections are none too many', async () => {
  const dozen = Array.from({ length: 12 }, () => '/').join(' ')
  const { stdout, stderr } = await run(`connect chroot.shell -n ${dozen} | connect exec -- true`)
  expect(stderr).toBe('')
  expect(recordsOf(stdout).filter(({ type }) => type === 'exit')).toHaveLength(12)
})

test('a working directory that is gone is no bug', async () => {
  const gone = `mkdir gone && cd gone && rmdir ../gone && propapply -n -p 'file.does-not-exist path=/nowhere/x'`
  const { status, stderr } = await run(gone)
  expect({ status, stderr }).toEqual({
    status: 66,
    stderr: 'propapply: Cannot read ".": the working directory is gone\n',
  })
})

test('- is standard input', async () => {
  const piped = (script: string, input: string) => run(script, { input })
  expect((await piped('connect exec -n -i - -- cat', 'hello')).stdout).toBe('hello')
  await piped(`connect put -n - ${scratch.file('put')}`, 'hello')
  expect((await run('cat put')).stdout).toBe('hello')
  const applied = await piped('propapply -', '{"property":"file.does-not-exist","path":"/nowhere/x"}')
  expect(recordsOf(applied.stdout).map(({ type }) => type)).toEqual(['property', 'end'])
  const services = await run(`daemonize ${service.conf} check | daemonize - status`)
  expect(recordsOf(services.stdout)).toMatchObject([{ type: 'service', command: 'status', state: 'stopped' }])
  const text = await piped('store-cli add-text hello', 'hello')
  const valid = await piped('store-cli valid -', text.stdout)
  expect(recordsOf(valid.stdout)).toMatchObject([{ type: 'path', valid: true }])
})

const readers: readonly (readonly [string, number])[] = [
  ['connect sudo', 65],
  ['connect exec -- touch touched', 65],
  ['connect get /etc/hosts', 65],
  ['connect put site.ndjson touched', 65],
  ['propapply site.ndjson', 65],
  ['propapply -', 65],
  ['daemonize status', 1],
  ['store-cli valid', 65],
  ['store-cli derivation --make', 65],
]
const faults: readonly (readonly [string, Buffer | string, string])[] = [
  ['what is not UTF-8', Buffer.from('{"type":"x"}\n{"type":"\xff"}\n', 'latin1'), 'line 2: not UTF-8'],
  ['what is no JSON', '\n\n{"type":}\n', 'line 3: not JSON: Unexpected token'],
  ['a last line that is cut off', '\n{"type":"x', 'line 2: the last line is cut off'],
  ['a byte order mark', '\uFEFF{"type":"x"}\n', 'line 1: it starts with a byte order mark'],
  ['a line without end', `{"type":"${'x'.repeat(2 ** 21)}"}\n`, 'line 1: longer than 1048576 bytes'],
]

test.each(readers)('%s refuses input that is broken, and says where', async (script, data) => {
  const answers = faults.map(([, input]) => run(script, { input }))
  for (const [index, { status, stderr }] of (await Promise.all(answers)).entries()) {
    const [what, , says = ''] = faults[index] ?? []
    expectSentence(stderr, script.split(' ')[0] ?? '', `Cannot read standard input, ${says}`)
    expect({ what, status }).toEqual({ what, status: data })
  }
  expect(readdirSync(scratch.path)).not.toContain('touched')
})

test.each(readers)('%s ends at a fault, although its writer goes on', async (script, data) => {
  const fifo = `fifo-${script.replaceAll(/[^a-z]+/g, '-')}`
  // Open for both, a FIFO has no end.
  const { status } = await run(`mkfifo ${fifo}; exec 9<>${fifo}; echo '{"type"' >&9; ${script} <&9 9<&-`)
  expect(status).toBe(data)
})

test.each([
  'connect sudo',
  'connect exec -- true',
  'propapply site.ndjson',
  'daemonize status',
  'store-cli valid',
])('%s passes on, byte for byte, what it does not know', async (script) => {
  const lines = [
    '{"type":"note","a":12345678901234567890,"b":1e400,"c":-0,"d":0.10}',
    '{ "type": "note", "2":1, "1":2, "a":1, "a":2, "__proto__":{"a":1}}',
    String.raw`{"type":"note","a":"\ud800 \u0000 \/ é"}`,
    `{"type":"note","a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`,
    `{"type":"note","data_base64":"${'A'.repeat(4096)}"}`,
    '{"note":"of no type"}',
  ]
  const input = [...lines, '{"type":"end","tool":"x","ok":true,"counts":{}}', ''].join('\n')
  const { status, stdout, stderr } = await run(script, { input })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout.split('\n').slice(0, lines.length)).toEqual(lines)
})

test('store-daemon answers a line that is wrong with an error record, and reads on', async () => {
  const input = Buffer.from(
    '{"type":"pin"}\n\n{"type":"\xff"}\n{"type":}\n{"type":"ping"}\n{"id":"a"}\n{"type":"p',
    'latin1',
  )
  const { status, stdout } = await run(`${daemon} --stdio`, { input })
  const says = recordsOf(stdout).map(({ message, type }) => (type === 'error' ? message : type))
  expect(says).toEqual([
    'Cannot read the connection, line 1: there is no operation "pin"',
    'Cannot read the connection, line 3: not UTF-8',
    expect.stringContaining('Cannot read the connection, line 4: not JSON: Unexpected token'),
    'pong',
    'Cannot read the connection, line 6: "type" is missing',
    expect.stringContaining('Cannot read the connection, line 7: not JSON'),
  ])
  expect(status).toBe(0)
})

describe.each([
  ['connect sudo | connect exec -- touch touched', 'connect'],
  ['connect exec -- touch touched', 'connect'],
  ['connect put site.ndjson touched', 'connect'],
  ['connect sudo | propapply site.ndjson', 'propapply'],
  ['propapply site.ndjson', 'propapply'],
])('when what is upstream of it died, %s', (downstream, last) => {
  test.each([
    ['before its first record', 'true'],
    ['before its end record', `${hosts} | sed '$d'`],
    ['in the middle of a record', `${hosts} | head -c 40`],
    ['of SIGKILL', `connect exec -n --records -- sh -c 'kill -9 $PPID' 2>/dev/null | sed '/"end"/d'`],
  ])('%s, does nothing', async (_, upstream) => {
    const { status, stderr } = await run(`${upstream} | ${downstream}`)
    expect(status).toBe(65)
    expect(stderr).toMatch(new RegExp(`${last}: Cannot (trust|read) standard input`))
    expect(readdirSync(scratch.path)).not.toContain('touched')
  })
})

test('propapply has colours on a terminal, unless NO_COLOR', async () => {
  const script = `script -qec "propapply -n -p 'file.does-not-exist path=/nowhere/x'" /dev/null`
  const { stdout } = await run(script, { env: { TERM: 'xterm' } })
  // eslint-disable-next-line no-control-regex
  expect(stdout).toMatch(/\u001b\[[\d;]*m/)
})
