// Locks on store paths: while an item is made, replaced or deleted, nobody else touches its name.
//
// Within the process by name; among processes by a POSIX record lock on `PATH.lock`, as guix-daemon takes it. Such a
// lock is dropped when *any* descriptor of the file is closed, so at most one is open here, which the lock by name
// ensures. Whoever is done unlinks the file and writes a byte into it: a process that opened it before sees that
// it holds a lock on a file that is gone, and opens it again. While no other process uses the store, what takes a
// moment needs no file: see sole-use.ts.
import { closeSync, fstatSync, openSync, unlinkSync } from 'node:fs'
import { native, recordLockType } from '@plumbline/common/syscall/native'
import { linkLock, unlinkLock } from './lock-file.ts'
import { exists } from './remove-tree.ts'
import { markRemoved } from './removed-lock.ts'
import type { SoleUse } from './sole-use.ts'
import { waitForLock } from './wait-for-lock.ts'

/** Gives the lock among processes back. */
type Release = () => void
type Held = { release: Release | undefined; waiting: (() => void)[] }

const held = new Map<string, Held>()
/** Of a path that is locked because the whole store is. */
const underSoleUse: Release = () => undefined
let soleUse: SoleUse | undefined

/** Paths of this store may from now on be locked by its sole use. */
export function lockPathsUnder(use: SoleUse): void {
  soleUse = use
}

/** Gives each path that is locked by the sole use of the store, which is about to end, a lock of its own. */
export function lockPathsOneByOne(): void {
  for (const [path, entry] of held) {
    if (entry.release === underSoleUse) entry.release = lockAmongProcesses(path) ?? underSoleUse
  }
}

/** Whether a connection of this process works on `path`. */
export function isPathLocked(path: string): boolean {
  return held.has(path)
}

/** Takes the lock if nobody has it; for long, so that it is there to be seen from the start. */
export function tryLockPath(path: string): boolean {
  return tryLock(path, lockAmongProcesses)
}

function tryLock(path: string, lock: (path: string) => Release | undefined): boolean {
  if (held.has(path)) return false
  const release = lock(path)
  if (!release) return false
  held.set(path, { release, waiting: [] })
  return true
}

/** Waits for whoever works on `path` in this process, without taking its lock. */
export async function untilUnlocked(path: string): Promise<void> {
  const entry = held.get(path)
  if (!entry) return
  await new Promise<void>((resolve) => entry.waiting.push(resolve))
  unlockPath(path)
}

/** Takes the lock within this process only, for a collector, which keeps other processes out in another way. */
export function claimPath(path: string): boolean {
  if (held.has(path)) return false
  held.set(path, { release: undefined, waiting: [] })
  return true
}

/**
 * Returns a promise only when somebody has it. Who `looks` sees to it that there is no lock file of another process,
 * where isBare() says that there is none of ours.
 */
export function lockPath(path: string, { looks = false } = {}): void | Promise<void> {
  return tryLock(path, looks ? lockUnseen : lockBriefly) ? undefined : waitForPath(path)
}

/** Whether it is locked without a file. */
export function isBare(path: string): boolean {
  return held.get(path)?.release === underSoleUse
}

function lockUnseen(path: string): Release | undefined {
  return soleUse?.take() ? underSoleUse : lockAmongProcesses(path)
}

/** A lock file that is there is somebody's, or was left by somebody who died. */
function lockBriefly(path: string): Release | undefined {
  return soleUse?.take() && !exists(`${path}.lock`) ? underSoleUse : lockAmongProcesses(path)
}

async function waitForPath(path: string): Promise<void> {
  let entry = held.get(path)
  if (entry) {
    const { waiting } = entry
    await new Promise<void>((resolve) => waiting.push(resolve))
    // Whoever had it without a file may have found another's, or not have looked.
    if (entry.release && !(entry.release === underSoleUse && exists(`${path}.lock`))) return
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
    await waitForLock(fd, recordLockType.exclusive)
  } finally {
    closeSync(fd)
  }
}
