// The place of a socket among files: one that nobody listens on is left over, and anything else is somebody's.
import { closeSync, fstatSync, lstatSync, openSync, rmSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { findNameFault } from '@plumbline/common/connection/socket-name'
import { isRefused } from '@plumbline/common/connection/stale-socket'
import { ToolError } from '@plumbline/common/error/tool-error'
import { recordLockType } from '@plumbline/common/syscall/native'
import { makeDirectory } from './store/make-directory.ts'
import { waitForLock } from './store/wait-for-lock.ts'

/** Runs `listen` once the name is free. Throws LISTEN_FAILED. */
export async function listenAt(path: string, listen: () => Promise<void>): Promise<void> {
  const fault = findNameFault(path)
  if (fault) throw new ToolError('LISTEN_FAILED', { address: path, reason: fault })
  makeDirectory(dirname(path))
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found) return listen()
  if (!found.isSocket()) throw new ToolError('LISTEN_FAILED', { address: path, reason: 'it is no socket' })
  // Another daemon may be about to take the same place: it must not be taken for left over before it listens.
  await whileAlone(`${path}.lock`, async () => {
    if (!(await isRefusedOrGone(path)))
      throw new ToolError('LISTEN_FAILED', { address: path, reason: 'another daemon listens there' })
    rmSync(path, { force: true })
    await listen()
  })
}

async function isRefusedOrGone(path: string): Promise<boolean> {
  return lstatSync(path, { throwIfNoEntry: false }) === undefined || (await isRefused(path))
}

async function whileAlone(file: string, action: () => Promise<void>): Promise<void> {
  const fd = await takeLock(file)
  try {
    await action()
  } finally {
    unlinkSync(file)
    closeSync(fd)
  }
}

async function takeLock(file: string): Promise<number> {
  for (;;) {
    const fd = openSync(file, 'a+', 0o600)
    await waitForLock(fd, recordLockType.exclusive)
    // Whoever had it has taken the file away.
    if (fstatSync(fd).nlink > 0) return fd
    closeSync(fd)
  }
}
