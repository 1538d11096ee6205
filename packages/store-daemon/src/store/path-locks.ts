// Locks on store paths: while an item is made, replaced or deleted, nobody else touches its name.
//
// Within the process by name; among processes by a POSIX record lock on `PATH.lock`, as guix-daemon takes it. Such a
// lock is dropped when *any* descriptor of the file is closed, so at most one is open here, which the lock by name
// ensures. Whoever is done unlinks the file and writes a byte into it: a process that opened it before sees that
// it holds a lock on a file that is gone, and opens it again.
import { closeSync, fstatSync, openSync, unlinkSync } from 'node:fs'
import { native, recordLockType } from '@plumbline/common/syscall/native'
import { linkLock, unlinkLock } from './lock-file.ts'
import { markRemoved } from './removed-lock.ts'

/** Gives the lock among processes back. */
type Release = () => void
type Held = { release: Release | undefined; waiting: (() => void)[] }

const held = new Map<string, Held>()

/** Whether a connection of this process works on `path`. */
export function isPathLocked(path: string): boolean {
  return held.has(path)
}

/** Takes the lock if nobody has it. */
export function tryLockPath(path: string): boolean {
  if (held.has(path)) return false
  const release = lockAmongProcesses(path)
  if (!release) return false
  held.set(path, { release, waiting: [] })
  return true
}

/** Takes the lock within this process only, for a collector, which keeps other processes out in another way. */
export function claimPath(path: string): boolean {
  if (held.has(path)) return false
  held.set(path, { release: undefined, waiting: [] })
  return true
}

/** Returns a promise only when somebody has it. */
export function lockPath(path: string): void | Promise<void> {
  return tryLockPath(path) ? undefined : waitForPath(path)
}

async function waitForPath(path: string): Promise<void> {
  let entry = held.get(path)
  if (entry) {
    const { waiting } = entry
    await new Promise<void>((resolve) => waiting.push(resolve))
    if (entry.release) return
  } else {
    entry = { release: undefined, waiting: [] }
    held.set(path, entry)
  }
  try {
    while ((entry.release = lockAmongProcesses(path)) === undefined) await waitForOthers(path)
  } catch (error) {
    unlockPath(path)
    throw error
  }
}

/** Hands the lock to the next waiter of this process; the last one takes the file away. */
export function unlockPath(path: string): void {
  const entry = held.get(path)
  if (!entry) return
  const next = entry.waiting.shift()
  if (next) return next()
  held.delete(path)
  entry.release?.()
}

/** Undefined when another process has it. */
function lockAmongProcesses(path: string): Release | undefined {
  const file = linkLock(path)
  if (file) return () => unlinkLock(path, file)
  for (;;) {
    const fd = openSync(`${path}.lock`, 'a+', 0o600)
    const locked = native().recordLock(fd, recordLockType.exclusive) === 1
    if (locked && fstatSync(fd).size === 0) return () => endLock(path, fd)
    closeSync(fd)
    if (!locked) return undefined
  }
}

function endLock(path: string, fd: number): void {
  try {
    unlinkSync(`${path}.lock`)
    markRemoved(fd)
  } finally {
    closeSync(fd)
  }
}

async function waitForOthers(path: string): Promise<void> {
  const fd = openSync(`${path}.lock`, 'a+', 0o600)
  try {
    await native().recordLockWait(fd, recordLockType.exclusive)
  } finally {
    closeSync(fd)
  }
}
