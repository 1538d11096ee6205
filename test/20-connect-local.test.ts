import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, it } from 'vitest'
import { Leftovers } from './support/leftovers.ts'
import { Scratch } from './support/scratch.ts'
import { exited, finish, recordsOf, shell, startShell, type TestRecord } from './support/shell.ts'
import { until } from './support/until.ts'

const isRoot = process.getuid?.() === 0
const scratch = new Scratch('local')
const left = new Leftovers(scratch, [])
const { env } = left
afterEach(() => left.expectNone())

const run = (pipeline: string, extra: Record<string, string | undefined> = {}) =>
  shell(pipeline, { env: { ...env, ...extra } })
const file = (name: string, content: Buffer | string) => {
  writeFileSync(scratch.file(name), content)
  return scratch.file(name)
}
const fifo = (name: string) => {
  execFileSync('mkfifo', [scratch.file(name)])
  return scratch.file(name)
}
const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`
const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index))

/** A connect that serves until it is told to end, and its socket. */
async function serve(linger = '1h') {
  const child = startShell(`exec connect local --linger ${linger}`, { env })
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  const [line] = (await once(lines, 'line')) as [string]
  const { socket } = JSON.parse(line) as { socket: string }
  return { child, socket }
}

/** The answers on a socket, until there are enough of them. */
async function ask(
  socket: string,
  requests: readonly object[],
  isEnough: (answers: TestRecord[]) => boolean,
) {
  const client = connect(socket)
  client.write(requests.map((request) => `${JSON.stringify(request)}\n`).join(''))
  const answers: TestRecord[] = []
  for await (const line of createInterface({ input: client })) {
    if (line) answers.push(JSON.parse(line) as TestRecord)
    if (isEnough(answers)) break
  }
  client.destroy()
  return answers
}

describe('connect exec', () => {
  it('passes every byte and keeps stdout, stderr and status apart', async () => {
    const input = file('bytes', bytes)
    const result = await run(`connect local | connect exec -i ${input} -c -- 'cat; echo err >&2; exit 9'`)
    expect([result.bytes.equals(bytes), result.stderr, result.status]).toEqual([true, 'err\n', 9])
  })

  it.each([
    ['exit 0', 0],
    ['exit 255', 255],
    ['kill -TERM $$', 143],
    ['kill -KILL $$', 137],
    ['no-such-command', 127],
  ])('has the status of %s', async (command, status) => {
    expect(
      (await run(`connect exec -n -c -- 'exec 2>/dev/null; sh -c ${quote(quote(command)).slice(1, -1)}'`))
        .status,
    ).toBe(status)
  })

  it('takes words as they are', async () => {
    const words = ['a b', "it's", '$HOME', '*', '', 'line\nline', '-n', 'žluť']
    const { stdout } = await run(`connect exec -n -- printf '<%s>' ${words.map(quote).join(' ')}`)
    expect(stdout).toBe(words.map((word) => `<${word}>`).join(''))
  })

  it('killed with SIGKILL takes its command with it', async () => {
    const started = fifo('started')
    const { child, socket } = await serve()
    const record = file(
      'record',
      `${JSON.stringify({ type: 'connection', id: 'x', host: 'h', hops: ['local'], kind: 'posix', socket, user: 'root', uid: 0, home: '/' })}\n{"type":"end","tool":"connect","ok":true,"counts":{}}\n`,
    )
    const exec = startShell(`exec connect exec -c -- 'echo $$ >${started}; exec sleep 1000' <${record}`, {
      env,
    })
    const pid = Number(await readFile(started, 'utf8'))
    exec.kill('SIGKILL')
    await exited(exec)
    await until(() => !existsSync(`/proc/${pid}`))
    // Its last client has left.
    await exited(child)
    expect(child.exitCode).toBe(0)
  })

  it('holds back a command whose output nobody reads, and keeps little of it', async () => {
    const [started, end] = [fifo('slow'), fifo('slow-end')]
    const { child, socket } = await serve()
    const record = file(
      'slow-record',
      `${JSON.stringify({ type: 'connection', id: 'x', host: 'h', hops: ['local'], kind: 'posix', socket, user: 'root', uid: 0, home: '/' })}\n{"type":"end","tool":"connect","ok":true,"counts":{}}\n`,
    )
    const command = `head -c 150000000 /dev/zero & echo $! >${started}; wait; cat <${end}`
    const exec = startShell(`exec connect exec -c -- '${command}' <${record}`, { env })
    const pid = Number(await readFile(started, 'utf8'))
    const written = () => Number(/wchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
    let before = -1
    await until(() => {
      const isStill = written() === before && before > 0
      before = written()
      return isStill
    })
    expect(before).toBeLessThan(20_000_000)
    let read = 0
    exec.stdout?.on('data', (chunk: Buffer) => (read += chunk.length))
    await until(() => read === 150_000_000)
    for (const process of [child, exec]) {
      const [, peak] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${process.pid}/status`, 'utf8')) ?? []
      expect(Number(peak)).toBeLessThan(160_000)
    }
    await writeFile(end, '')
    await Promise.all([exited(exec), exited(child)])
  })
})

describe('connect get and put', () => {
  it.each(['plain', 'a b', "it's", 'two\nlines', '-rf', '$HOME', 'ž', '*'])(
    'name a file %j',
    async (name) => {
      const folder = scratch.file('names')
      mkdirSync(folder, { recursive: true })
      const source = file('source', bytes)
      const put = await run(
        `connect local | connect put --mode 0640 -- ${source} ${quote(`${folder}/${name}`)}`,
      )
      expect([put.stderr, put.status]).toEqual(['', 0])
      expect(readFileSync(`${folder}/${name}`).equals(bytes)).toBe(true)
      expect(statSync(`${folder}/${name}`).mode & 0o7777).toBe(0o640)
      const got = await run(`connect local | connect get -- ${quote(`${folder}/${name}`)}`)
      expect(got.bytes.equals(bytes)).toBe(true)
      expect(readdirSync(folder)).toContain(name)
    },
  )

  it('name a file that is not UTF-8, here and there', async () => {
    const folder = scratch.file('latin')
    mkdirSync(folder)
    const script = [
      `f=$(printf 'f\\374r\\377') && cd ${folder} && cp ${file('source', bytes)} "from-$f"`,
      `connect local -n | connect put "from-$f" "$PWD/to-$f"`,
      `connect local -n | connect get --to "there-$f" "$PWD/to-$f"`,
      `connect get -n "$PWD/none-$f"`,
    ]
    const { stdout, stderr } = await run(script.join('; '))
    const [put, , got] = recordsOf(stdout)
    const path = Buffer.from(`${folder}/to-f\xfcr\xff`, 'latin1')
    expect(put).toMatchObject({ type: 'file', path_base64: path.toString('base64'), bytes: bytes.length })
    expect(stderr).toContain(`"${folder}/none-f\\xfcr\\xff"`)
    expect(readFileSync(path).equals(bytes)).toBe(true)
    const copy = Buffer.from(String(got?.['path_base64']), 'base64').toString('latin1')
    expect(copy).toMatch(/^there-f\xfcr\xff\//)
    expect(readFileSync(Buffer.from(`${folder}/${copy}`, 'latin1')).equals(bytes)).toBe(true)
  })

  // The bits of the group are those of the list's mask: without the list, the group would gain them.
  it.each(['local', 'node'])('keep the access list of a file, through %s', async (hop) => {
    const path = file(`listed-${hop}`, 'old')
    execFileSync('chmod', ['600', path])
    execFileSync('setfacl', ['-m', 'u:daemon:rw', path])
    expect((await run(`connect ${hop} | connect put ${file('x', 'x')} ${path}`)).status).toBe(0)
    expect(readFileSync(path, 'utf8')).toBe('x')
    const list = 'user::rw-\nuser:daemon:rw-\ngroup::---\nmask::rw-\nother::---\n\n'
    expect(execFileSync('getfacl', ['-cp', path]).toString()).toBe(list)
  })

  it.each(['local', 'node'])('put nothing in the place of what is no file, through %s', async (hop) => {
    const path = fifo(`pipe-${hop}`)
    for (const target of [path, `${path}-link`]) {
      if (target !== path) symlinkSync(path, target)
      const put = await run(`connect ${hop} | connect put ${file('x', 'x')} ${target}`)
      expect(put).toMatchObject({ status: 1, stderr: expect.stringContaining('it is not a regular file') })
    }
    expect(statSync(path).isFIFO()).toBe(true)
  })

  it('carry 50 MB each way', async () => {
    const large = Buffer.alloc(50_000_000, bytes)
    const [source, target] = [file('large', large), scratch.file('large-copy')]
    expect((await run(`connect local | connect put ${source} ${target}`)).status).toBe(0)
    expect(readFileSync(target).equals(large)).toBe(true)
    expect((await run(`connect local | connect get ${target}`)).bytes.equals(large)).toBe(true)
  })

  it('tell, among bytes, what has failed before, and of no other record', async () => {
    const error = { type: 'error', tool: 'x', code: 'X', message: 'no way', host: 'web1', retryable: false }
    const before = [{ type: 'note' }, error, { ...error, host: null }]
      .map((each) => JSON.stringify(each))
      .join('\n')
    const got = await run(`(echo ${quote(before)}; connect local -n) | connect get ${file('y', 'y')}`)
    expect(got).toMatchObject({
      status: 1,
      stdout: 'y',
      stderr: 'connect: web1: no way\nconnect: x: no way\n',
    })
  })

  it('say why not', async () => {
    const none = await run(`connect local | connect get ${scratch.file('none')}`)
    expect([none.stdout, none.status]).toEqual(['', 66])
    expect(none.stderr).toContain('no such file')
    const folder = await run(`connect local | connect put ${file('x', 'x')} ${scratch.path}`)
    expect(recordsOf(folder.stdout)[0]).toMatchObject({ type: 'error', code: 'FILE_UNWRITABLE' })
    expect(folder.status).toBe(1)
    const nowhere = await run(`connect local | connect put ${file('x', 'x')} ${scratch.path}/none/x`)
    expect(nowhere.stderr).toContain('there is no such directory')
    const notOne = await run(`connect local | connect put /etc ${scratch.path}/x`)
    expect(notOne.stderr).toBe('connect: Cannot read "/etc": is a directory\n')
  })
})

describe('the socket', () => {
  it('answers a request from nc, which closes its half at once', async () => {
    const { child, socket } = await serve()
    const request = '{"type":"run","id":"a","command":"sleep 0.1; echo hello; exit 3"}'
    const { stdout } = await run(`printf '%s\\n' '${request}' | nc -NU ${socket}`)
    expect(recordsOf(stdout)).toEqual([
      { type: 'output', id: 'a', stream: 'stdout', data: 'hello\n' },
      { type: 'exit', id: 'a', status: 3 },
    ])
    await exited(child)
  })

  it('carries a thousand requests at the same time', async () => {
    const { child, socket } = await serve()
    const ids = Array.from({ length: 1000 }, (_, index) => String(index))
    const requests = ids.map((id) => ({ type: 'run', id, command: `echo ${id}` }))
    const answers = await ask(
      socket,
      requests,
      (all) => all.filter(({ type }) => type === 'exit').length === ids.length,
    )
    const outputs = answers.filter(({ type }) => type === 'output')
    expect(outputs.every(({ id, data }) => data === `${String(id)}\n`)).toBe(true)
    expect(new Set(outputs.map(({ id }) => id))).toEqual(new Set(ids))
    await exited(child)
  })

  it('is for its user alone, and answers what is no request', async () => {
    const { child, socket } = await serve()
    expect(statSync(socket.slice(0, socket.lastIndexOf('/'))).mode & 0o7777).toBe(0o700)
    const answers = await ask(socket, [{ type: 'dance', id: '1' }], (all) => all.length === 1)
    expect(answers).toMatchObject([{ type: 'error', id: '1', code: 'PROTOCOL' }])
    await exited(child)
  })

  it('is gone when nobody comes within --linger', async () => {
    const { stdout, status } = await run('connect local --linger 0')
    expect([recordsOf(stdout).length, status]).toEqual([2, 0])
  })

  it('is gone then although its socket is looked at all the time', async () => {
    const { child, socket } = await serve('1s')
    const look = async () => {
      while (child.exitCode === null) {
        const visitor = connect(socket).on('error', () => undefined)
        visitor.once('connect', () => visitor.destroy())
        await new Promise((resolve) => visitor.once('close', resolve))
      }
    }
    await Promise.all([look(), look(), look()])
  })

  it('is gone soon after whoever could have read of it, unless --linger says otherwise', async () => {
    const ends: string[] = []
    const named = run('connect local -n --linger 6s | cat >/dev/null').then(() => ends.push('named'))
    const unnamed = run('connect local -n | cat >/dev/null').then(() => ends.push('unnamed'))
    await Promise.all([named, unnamed])
    expect(ends).toEqual(['unnamed', 'named'])
  })

  it('is there for who holds the pipe', async () => {
    const { stdout } = await run(
      'connect local -n | { read -r connection; read -r end; connect local -n | cat >/dev/null; ' +
        'printf "%s\\n" "$connection" "$end" | connect exec echo up; }',
    )
    expect(stdout).toBe('up\n')
  })

  it('has its records read up to their end: whoever started it may have the pipe open for longer', async () => {
    const { stdout } = await run('timeout 50 connect local -n | connect exec echo up')
    expect(stdout).toBe('up\n')
  })

  it.each([
    ['unset', undefined],
    ['relative', 'runtime'],
    ['too long for a socket', `/${'x'.repeat(100)}`],
  ])('is under TMPDIR when XDG_RUNTIME_DIR is %s', async (_, directory) => {
    const { stdout } = await run('connect local --linger 0', { XDG_RUNTIME_DIR: directory })
    expect(recordsOf(stdout)[0]?.['socket']).toContain(`${env['TMPDIR']}/plumbline-`)
  })

  it('that cannot be made is an error', async () => {
    const { stdout, stderr, status } = await run('connect local', { XDG_RUNTIME_DIR: file('no-folder', '') })
    expect([stdout, status]).toEqual(['', 73])
    expect(stderr).toContain('Cannot create')
  })

  it('whose connect was killed is swept by the next that stays', async () => {
    const { child, socket } = await serve()
    child.kill('SIGKILL')
    await exited(child)
    expect(existsSync(socket)).toBe(true)
    execFileSync('touch', ['-d', '1 hour ago', socket])
    const next = await serve()
    await until(() => !existsSync(socket))
    next.child.kill()
    await exited(next.child)
  })
})

describe('connect', () => {
  it('says where no directory can be made, here and on an agent', async () => {
    const here = await run('connect local', { XDG_RUNTIME_DIR: '/proc/x' })
    expect(here.status).toBe(73)
    expect(here.stderr).toBe('connect: Cannot create "/proc/x": no such file or directory\n')
    const there = await run('connect node -n | connect exec -- echo in', { HOME: '/proc/x/y' })
    expect([there.stdout, there.status]).toEqual(['in\n', 0])
  })

  it.skipIf(!isRoot)('is open to a number that no list of users knows, as containers are run', async () => {
    const user = 'setpriv --reuid 54321 --regid 54321 --clear-groups sh -c'
    const nobody = { HOME: '/', XDG_RUNTIME_DIR: undefined, TMPDIR: undefined }
    const { stdout } = await run(`${user} ${quote('connect local -n | connect facts')}`, nobody)
    expect(recordsOf(stdout)).toMatchObject([{ type: 'facts', user: '54321', uid: 54321 }, { type: 'end' }])
    const site = quote('{"property":"file.has-content","path":"/proc/x","content":""}')
    const asked = await run(`echo ${site} | ${user} 'propapply -n --check -'`, nobody)
    expect(recordsOf(asked.stdout)[0]).not.toMatchObject({ message: expect.stringContaining('Internal') })
  })

  // With a zombie about, the pipe would be thought open for the 30 s that are the default of --linger.
  const patience = { timeout: 20_000 }
  it.skipIf(!isRoot)(
    'does not take a process that has ended for a reader of its records',
    patience,
    async () => {
      const user = 'setsid -w setpriv --reuid 65534 --regid 65534 --clear-groups bash --norc -c'
      const zombie = `sh -c 'true & exec sleep 1000' >/dev/null & pid=$!`
      const script = `${zombie}; connect local -n | cat; kill $pid`
      const { stdout } = await run(`${user} ${quote(script)}`, {
        HOME: '/',
        XDG_RUNTIME_DIR: undefined,
        TMPDIR: undefined,
      })
      expect(recordsOf(stdout)).toMatchObject([{ type: 'connection', uid: 65534 }, { type: 'end' }])
    },
  )

  it.each(['TERM', 'INT', 'HUP'])('ends at SIG%s, and what runs on it', async (signal) => {
    const started = fifo(`signal-${signal}`)
    const { child, socket } = await serve()
    const command = `echo $$ >${started}; exec sleep 1000`
    const asking = ask(socket, [{ type: 'run', id: '1', command }], () => false)
    const pid = Number(await readFile(started, 'utf8'))
    child.kill(`SIG${signal}` as NodeJS.Signals)
    expect((await finish(child)).signal).toBe(`SIG${signal}`)
    expect(existsSync(`/proc/${pid}`)).toBe(false)
    expect(await asking).toMatchObject([{ type: 'exit', id: '1', status: 143 }])
  })
})

describe('get --to', () => {
  const to = () => scratch.file('copies')

  it('leaves the copy that is there as it was when there is no other, and its mode to the next', async () => {
    const source = file('copied', 'first')
    const get = (path: string) => run(`connect local -n | connect get --to ${to()} ${path}`)
    expect((await get(source)).status).toBe(0)
    const [name = ''] = readdirSync(to())
    chmodSync(`${to()}/${name}`, 0o600)
    const missing = await get(`${source}-not`)
    expect(recordsOf(missing.stdout)[0]).toMatchObject({ type: 'error', code: 'FILE_NOT_FOUND' })
    expect(readFileSync(`${to()}/${name}`, 'utf8')).toBe('first')
    file('copied', 'second')
    expect((await get(source)).status).toBe(0)
    expect(readFileSync(`${to()}/${name}`, 'utf8')).toBe('second')
    expect(statSync(`${to()}/${name}`).mode & 0o777).toBe(0o600)
  })

  it('leaves nothing half done on a signal', async () => {
    const source = fifo('endless')
    rmSync(to(), { recursive: true, force: true })
    const child = startShell(`connect local -n | exec connect get --to ${to()} ${source}`, { env })
    await until(() => existsSync(to()) && readdirSync(to()).length > 0)
    process.kill(-Number(child.pid), 'SIGTERM')
    await finish(child)
    expect(readdirSync(to())).toEqual([])
  })

  it.skipIf(!isRoot)('does not replace what another connection of the same host has given', async () => {
    rmSync(to(), { recursive: true, force: true })
    const source = file('both', 'x')
    const got = recordsOf((await run(`connect su -n root root | connect get --to ${to()} ${source}`)).stdout)
    expect(got.map(({ type, code }) => code ?? type).sort()).toEqual(['CANNOT_CREATE', 'end', 'file'])
  })
})
