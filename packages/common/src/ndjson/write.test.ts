import { spawnSync } from 'node:child_process'
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { RecordWriter } from './write.ts'

const folder = mkdtempSync(`${tmpdir()}/plumbline-write-`)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const pipeBytes = 65_536
let pipes = 0

/** Both ends of a new pipe; neither waits. */
function makePipe(): { reader: number; writer: number } {
  const path = `${folder}/pipe-${++pipes}`
  spawnSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  return { reader, writer: openSync(path, constants.O_WRONLY) }
}

function read(fd: number, length = 2 * pipeBytes): string {
  const bytes = Buffer.alloc(length)
  return bytes.toString('utf8', 0, readSync(fd, bytes))
}

const isNonBlocking = (fd: number) => {
  const flags = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
  return (Number.parseInt(flags ?? '', 8) & constants.O_NONBLOCK) !== 0
}

describe('RecordWriter', () => {
  test('has written its first record when write() returns, and leaves the pipe as it was', () => {
    const { reader, writer } = makePipe()
    void new RecordWriter(writer).write({ type: 'a' })
    expect(read(reader)).toBe('{"type":"a"}\n')
    expect(isNonBlocking(writer)).toBe(false)
    closeSync(reader)
    closeSync(writer)
  })

  test('waits for a reader when the pipe is full from the start', async () => {
    const { reader, writer } = makePipe()
    writeSync(writer, Buffer.alloc(pipeBytes, '.'))
    const records = new RecordWriter(writer)
    await records.write({ type: 'a' })
    await records.write({ type: 'b' })
    expect(read(reader)).toBe('.'.repeat(pipeBytes))
    await records.flush()
    expect(read(reader)).toBe('{"type":"a"}\n{"type":"b"}\n')
    closeSync(reader)
    closeSync(writer)
  })

  test('goes on where a pipe took a part of the first record', async () => {
    const { reader, writer } = makePipe()
    const text = 'x'.repeat(pipeBytes / 2)
    const before = 'y'.repeat(pipeBytes - 8192)
    writeSync(writer, before)
    const records = new RecordWriter(writer)
    await records.write({ type: 'a', text })
    const first = read(reader)
    expect(first).toHaveLength(pipeBytes)
    await records.flush()
    expect(JSON.parse((first + read(reader)).slice(before.length))).toEqual({ type: 'a', text })
    closeSync(reader)
    closeSync(writer)
  })

  test('writes a record that no pipe holds', async () => {
    const { reader, writer } = makePipe()
    const text = 'x'.repeat(pipeBytes + 1000)
    const records = new RecordWriter(writer)
    await records.write({ type: 'a', text })
    let all = ''
    while (!all.endsWith('\n')) {
      await setImmediate()
      try {
        all += read(reader)
      } catch {
        // Nothing has come yet.
      }
    }
    await records.flush()
    expect(JSON.parse(all)).toEqual({ type: 'a', text })
    closeSync(reader)
    closeSync(writer)
  })

  test('is told when the reader has gone before the first record', async () => {
    const { reader, writer } = makePipe()
    closeSync(reader)
    const records = new RecordWriter(writer)
    const told = new Promise<void>((resolve) => (records.onBroken = resolve))
    await records.write({ type: 'a' })
    await told
    expect(records.broken).toBe(true)
    await records.flush()
    closeSync(writer)
  })

  test('appends to a file, and says what a full disk says', async () => {
    const path = `${folder}/file`
    for (const type of ['a', 'b']) {
      const file = openSync(path, 'a')
      const records = new RecordWriter(file)
      await records.write({ type })
      await records.flush()
      closeSync(file)
    }
    expect(readFileSync(path, 'utf8')).toBe('{"type":"a"}\n{"type":"b"}\n')
    const full = openSync('/dev/full', 'w')
    const records = new RecordWriter(full)
    await records.write({ type: 'a' })
    await expect(records.flush()).rejects.toThrow('no space left on device')
    closeSync(full)
  })
})
