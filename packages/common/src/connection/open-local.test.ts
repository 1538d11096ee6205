import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync, chmodSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Connection, Running } from './connection.ts'
import { openLocal } from './open-local.ts'

const allBytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
let directory: string
let connection: Connection

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'local-'))
  connection = openLocal({ ...process.env, HOME: directory }).connection
})
afterEach(async () => {
  await connection.close()
  rmSync(directory, { recursive: true })
})

async function collect(running: Running, input: Buffer | string = ''): Promise<[Buffer, string, number]> {
  running.stdin.end(input)
  const out: Buffer[] = []
  const err: Buffer[] = []
  running.stdout.on('data', (chunk) => out.push(chunk))
  running.stderr.on('data', (chunk) => err.push(chunk))
  const ended = Promise.all(
    [running.stdout, running.stderr].map((stream) => new Promise((resolve) => stream.once('close', resolve))),
  )
  const status = await running.status
  await ended
  return [Buffer.concat(out), Buffer.concat(err).toString(), status]
}

describe('run', () => {
  it('keeps stdout, stderr and status apart', async () => {
    const [out, err, status] = await collect(connection.run({ command: 'echo out; echo err >&2; exit 7' }))
    expect([out.toString(), err, status]).toEqual(['out\n', 'err\n', 7])
  })

  it('passes every byte through stdin and stdout', async () => {
    const [out] = await collect(connection.run({ command: 'cat' }), allBytes)
    expect(out).toEqual(allBytes)
  })

  it.each([
    ['quotes', `printf %s 'it'"'"'s'`, "it's"],
    ['newlines', "printf %s 'a\nb'\nprintf %s c", 'a\nbc'],
    ['backslashes', `printf %s 'a\\nb'`, 'a\\nb'],
    ['a leading token-like word', 'echo plumbline-x', 'plumbline-x\n'],
    ['UTF-8', 'printf %s "žluťoučký"', 'žluťoučký'],
    ['exec', 'exec echo hi', 'hi\n'],
    ['reading its input line by line', 'read -r a; echo "<$a>"; cat', '<one>\ntwo\n'],
  ])('runs a command with %s as written', async (_, command, expected) => {
    const [out] = await collect(connection.run({ command }), 'one\ntwo\n')
    expect(out.toString()).toBe(expected)
  })

  it('runs a command of 300 kB and leaves its input alone', async () => {
    const word = 'x'.repeat(300_000)
    const [out, err, status] = await collect(
      connection.run({ command: `v='${word}'\necho \${#v}; cat` }),
      allBytes,
    )
    expect([err, status]).toEqual(['', 0])
    expect(out).toEqual(Buffer.concat([Buffer.from('300000\n'), allBytes]))
  })

  it('starts in the home directory, or where it is told', async () => {
    const [home] = await collect(connection.run({ command: 'pwd' }))
    const [root] = await collect(connection.run({ command: 'pwd', cwd: '/' }))
    expect([home.toString(), root.toString()]).toEqual([`${directory}\n`, '/\n'])
  })

  it('sets and unsets variables', async () => {
    const env = { A: "it's\ntwo lines", HOME: null }
    const [out] = await collect(connection.run({ command: 'printf %s "$A|${HOME-unset}"', env }))
    expect(out.toString()).toBe("it's\ntwo lines|unset")
  })

  it('leaves no variable of its own for the command to see', async () => {
    const [out] = await collect(connection.run({ command: 'env | grep -c ^pl_' }))
    expect(out.toString()).toBe('0\n')
  })

  it('refuses a NUL in a command', () => {
    expect(() => connection.run({ command: 'a\0b' })).toThrow('NUL')
  })

  it('reports a signal as 128+n', async () => {
    const [, , status] = await collect(connection.run({ command: "sh -c 'kill -9 $$'" }))
    expect(status).toBe(137)
  })
})

describe('cancel', () => {
  it('ends the whole process group, also one that ignores TERM', async () => {
    const running = connection.run({ command: "trap '' TERM; sleep 1000 & echo $!; sleep 1000" })
    const pid = await new Promise<number>((resolve) =>
      running.stdout.once('data', (data) => resolve(Number(data))),
    )
    running.cancel()
    await running.status
    // All were killed at once, but each ends when it is scheduled next.
    await vi.waitUntil(() => !isAlive(pid), { interval: 5, timeout: 30_000 })
  })
})

describe('files', () => {
  const read = async (path: string) => Buffer.concat(await connection.readfile(path).toArray())
  const path = (name: string) => join(directory, name)

  it('reads every byte', async () => {
    writeFileSync(path('a b'), allBytes)
    expect(await read(path('a b'))).toEqual(allBytes)
  })

  it('says why it cannot read', async () => {
    await expect(read(path('none'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
    await expect(read(directory)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
  })

  it.each([[true], [false]])('writes every byte, size known: %s', async (known) => {
    const content = Buffer.concat(Array.from({ length: 5000 }, () => allBytes))
    const options = { mode: '0640', ...(known && { bytes: content.length }) }
    const chunks = [content.subarray(0, 7), content.subarray(7)]
    await connection.writefile(path("it's\nnew"), asyncOf(chunks), options)
    expect(readFileSync(path("it's\nnew")).equals(content)).toBe(true)
    expect(statSync(path("it's\nnew")).mode & 0o7777).toBe(0o640)
    expect(readdirSync(directory)).toEqual(["it's\nnew"])
  })

  it('keeps the mode of a file that it replaces', async () => {
    for (const mode of [0o600, 0o755, 0o4711, 0o2750]) {
      writeFileSync(path('f'), 'old')
      chmodSync(path('f'), mode)
      await connection.writefile(path('f'), asyncOf([Buffer.from('new')]), { bytes: 3 })
      expect((statSync(path('f')).mode & 0o7777).toString(8)).toBe(mode.toString(8))
      rmSync(path('f'))
    }
  })

  it('leaves the old file when the content ends early', async () => {
    writeFileSync(path('f'), 'old')
    const short = connection.writefile(path('f'), asyncOf([Buffer.from('ne')]), { bytes: 3 })
    await expect(short).rejects.toMatchObject({ code: 'FILE_UNWRITABLE' })
    const failing = connection.writefile(path('f'), failAfter(Buffer.from('ne')))
    await expect(failing).rejects.toThrow('broken source')
    expect(readFileSync(path('f'), 'utf8')).toBe('old')
    expect(readdirSync(directory)).toEqual(['f'])
  })
})

async function* asyncOf(chunks: Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks
}

async function* failAfter(chunk: Buffer): AsyncGenerator<Buffer> {
  yield chunk
  throw new Error('broken source')
}

/** A zombie that its parent has not waited for yet is as good as gone. */
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
