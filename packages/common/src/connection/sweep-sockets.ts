// What connects that were killed have left of their sockets, found in the directories where connects keep them.
import { lstatSync, readdirSync, rmdirSync, type Stats } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { isPrivateName, isRefused, removeStaleSocket } from './stale-socket.ts'

/** Much longer than what is half made takes to be whole. */
const settledMs = 1000

/** Directories of this user's sockets: the one for all, and those that connects made for themselves. */
export function findSocketDirectories(environment: NodeJS.ProcessEnv): string[] {
  const base = environment['XDG_RUNTIME_DIR']
  const shared = base?.startsWith('/') ? [join(base, 'plumbline')].filter(isPrivate) : []
  return [...shared, ...[...new Set([tmpdir(), '/tmp'])].flatMap(privateDirectories)]
}

/** Sockets in the directory, by what their names end in. */
export function findSockets(directory: string): string[] {
  return list(directory)
    .filter((name) => name.endsWith('.sock'))
    .map((name) => join(directory, name))
}

/**
 * Removes what nobody serves, of an age at which its reader would have done so. What cannot be swept harms nobody.
 */
export async function sweepSockets(environment: NodeJS.ProcessEnv, { agedMs = 0 } = {}): Promise<void> {
  const isAged = (path: string) => Date.now() - (look(path)?.mtimeMs ?? Infinity) >= agedMs
  const directories = findSocketDirectories(environment)
  const sockets = directories.flatMap(findSockets)
  const empty = directories.filter((path) => isPrivateName(basename(path)) && list(path).length === 0)
  await Promise.all([
    ...sockets.filter(isAged).map((path) => removeIfStale(path)),
    ...empty.filter(isAged).map((path) => removeIfEmpty(path)),
  ])
}

/** A socket is bound a moment before it listens, and refuses until then. */
async function removeIfStale(path: string): Promise<void> {
  const before = look(path)?.ino
  if (before === undefined || !(await isRefused(path))) return
  await settle()
  if (look(path)?.ino === before) await removeStaleSocket(path, 1)
}

/** A directory is made a moment before the socket in it. */
async function removeIfEmpty(path: string): Promise<void> {
  await settle()
  try {
    rmdirSync(path)
  } catch {
    // It is in use, or gone.
  }
}

const settle = () => new Promise((resolve) => setTimeout(resolve, settledMs))

/** Only what is this user's: in a directory for everybody, anyone could have put a socket to wait for us. */
function privateDirectories(parent: string): string[] {
  return list(parent)
    .filter(isPrivateName)
    .map((name) => join(parent, name))
    .filter(isPrivate)
}

function isPrivate(path: string): boolean {
  const stat = look(path)
  return (
    stat !== undefined && stat.isDirectory() && stat.uid === process.geteuid?.() && (stat.mode & 0o077) === 0
  )
}

function look(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
