// The nar of a file, directory or symlink on disk.
//
// Synchronous on purpose: one asynchronous call a file costs ten times the work itself. Callers that must not
// block run it in a worker thread.
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs'
import { ToolError } from '../../error/tool-error.ts'
import { reasonOf } from '../../error/translate.ts'
import { fromByteString, toPath } from '../byte-string.ts'
import { NarWriter, type Emit } from './nar-writer.ts'

/** Emits the nar of `path`, a byte string, and returns its size. Throws NAR_SOURCE_UNREADABLE. */
export function dumpNar(path: string, emit: Emit): number {
  const steps = dumpNarInSteps(path, emit)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** The same in steps of at most one file or one block, for a thread that has other work between them. */
export function* dumpNarInSteps(path: string, emit: Emit): Generator<undefined, number, undefined> {
  const writer = new NarWriter(emit)
  // The frames of open directories are kept here and not on the call stack, which a deep tree would overflow.
  const open: { path: string; names: string[]; next: number }[] = []
  const visit = function* (node: string): Generator<undefined, void, undefined> {
    const stat = guard(node, () => lstatSync(toPath(node)))
    if (stat.isDirectory()) {
      writer.directory()
      open.push({ path: node, names: listDirectory(node), next: 0 })
      return
    }
    if (stat.isSymbolicLink()) writer.symlink(guard(node, () => readlinkSync(toPath(node), 'latin1')))
    else if (stat.isFile()) yield* dumpFile(node, writer)
    else throw unreadable(node, 'it is no regular file, directory or symlink')
    if (open.length > 0) writer.endEntry()
  }
  yield* visit(path)
  for (let directory = open.at(-1); directory; directory = open.at(-1)) {
    const name = directory.names[directory.next++]
    if (name === undefined) {
      writer.endDirectory()
      open.pop()
      if (open.length > 0) writer.endEntry()
      continue
    }
    writer.entry(name)
    yield
    yield* visit(`${directory.path}/${name}`)
  }
  writer.end()
  return writer.size
}

function listDirectory(path: string): string[] {
  return guard(path, () => readdirSync(toPath(path), 'latin1')).sort()
}

function* dumpFile(path: string, writer: NarWriter): Generator<undefined, void, undefined> {
  // A symlink or a FIFO may have taken the file's place since lstat.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const fd = guard(path, () => openSync(toPath(path), flags))
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw unreadable(path, 'it is no longer a regular file')
    writer.file(stat.size, (stat.mode & 0o100) !== 0)
    for (let left = stat.size; left > 0;) {
      const count = writer.fillContents((space) =>
        guard(path, () => readSync(fd, space, 0, Math.min(left, space.length), null)),
      )
      if (count === 0) throw unreadable(path, `it shrank by ${left} bytes while it was read`)
      left -= count
      if (left > 0) yield
    }
    writer.endFile(stat.size)
  } finally {
    closeSync(fd)
  }
}

function guard<T>(path: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    if (error instanceof ToolError) throw error
    throw unreadable(path, reasonOf(error))
  }
}

function unreadable(path: string, reason: string): ToolError {
  return new ToolError('NAR_SOURCE_UNREADABLE', { path: fromByteString(path), reason })
}
