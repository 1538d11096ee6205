// The first thing that runs on the far side, as the argument of `node -e`: gets the agent's bytes, from the cache there
// or from standard input, and runs them when they have the hash that was asked for.
//
//   arguments    HASH BYTES CACHE-DIRECTORY CONFIG     no cache directory: the bytes are on standard input
//   stdout       {"type":"want"} LF                    the cache has them not: they are to be sent
//   status 93    this Node is too old, and nothing has been read
//
// Built for old versions of Node, so that those can say so.
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { dirname } from 'node:path'
import { Script } from 'node:vm'
import { brotliDecompressSync } from 'node:zlib'

declare const require: NodeJS.Require

const oldest = 18
const tooOld = 93

const [, hash = '', length = '', directory = '', config = ''] = process.argv

if (Number(process.versions.node.split('.')[0]) < oldest) process.exitCode = tooOld
else runAgent()

function runAgent(): void {
  const bytes = (directory && readCache()) || receive()
  const source = brotliDecompressSync(bytes).toString('latin1')
  const run = new Script(`(function(require,plumbline){${source}\n})`, { filename: 'plumbline-agent' })
  const agent = { bytes, hash, loader: process.execArgv[process.execArgv.indexOf('-e') + 1], config }
  ;(run.runInThisContext() as (require: NodeJS.Require, given: typeof agent) => void)(require, agent)
}

function isWhole(bytes: Buffer): boolean {
  return createHash('sha256').update(bytes).digest('hex') === hash
}

/** What nobody else can have written there, and is what it should be. */
function readCache(): Buffer | undefined {
  try {
    if (!isPrivate(fs.lstatSync(directory))) return undefined
    const fd = fs.openSync(`${directory}/agent-${hash}`, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW)
    try {
      const bytes = isPrivate(fs.fstatSync(fd)) ? fs.readFileSync(fd) : undefined
      return bytes && isWhole(bytes) ? bytes : undefined
    } finally {
      fs.closeSync(fd)
    }
  } catch {
    return undefined
  }
}

function isPrivate({ uid, mode }: fs.Stats): boolean {
  return process.geteuid !== undefined && uid === process.geteuid() && (mode & 0o077) === 0
}

function receive(): Buffer {
  if (directory) fs.writeSync(1, '{"type":"want"}\n')
  const bytes = Buffer.alloc(Number(length))
  for (let at = 0; at < bytes.length;) {
    const read = readSome(bytes, at)
    if (read === 0) throw new Error('the agent did not arrive whole')
    at += read
  }
  if (!isWhole(bytes)) throw new Error('the agent did not arrive as it was sent')
  if (directory) keep(bytes)
  return bytes
}

function readSome(bytes: Buffer, at: number): number {
  try {
    return fs.readSync(0, bytes, at, bytes.length - at, null)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EOF') return 0
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    return readSome(bytes, at)
  }
}

/** Node's own recursive mkdir never returns where the kernel makes none (in /proc). */
function makeFolder(path: string): void {
  if (fs.existsSync(path)) return
  makeFolder(dirname(path))
  fs.mkdirSync(path, { mode: 0o700 })
}

/** Without a place of its own that is private, it is not kept. */
function keep(bytes: Buffer): void {
  const name = `${directory}/agent-${hash}`
  const part = `${name}.${process.pid}`
  try {
    makeFolder(directory)
    if (!isPrivate(fs.lstatSync(directory))) return
    fs.rmSync(part, { force: true })
    fs.writeFileSync(part, bytes, { flag: 'wx', mode: 0o600 })
    fs.renameSync(part, name)
  } catch {
    // A full disk, a file system that cannot be written: the next time it is sent again.
    discard(part)
  }
}

function discard(part: string): void {
  try {
    fs.rmSync(part, { force: true })
  } catch {
    // Where nothing can be removed, nothing has been written.
  }
}
