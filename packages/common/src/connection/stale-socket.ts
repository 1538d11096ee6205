// Sockets that nobody serves any more, because who did was killed.
import { lstatSync, rmdirSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { basename, dirname } from 'node:path'
import { errnoOf } from '../error/translate.ts'

/** What a connect names a directory that it makes for itself alone, before the six characters of mkdtemp(3). */
export const privatePrefix = 'plumbline-'

export function isPrivateName(name: string): boolean {
  return /^plumbline-[A-Za-z0-9]{6}$/.test(name)
}

/** A process that is killed closes its descriptors one after the other, and what it listened on perhaps last. */
const killedTries = 20
const pauseMs = 50

/**
 * Removes the socket if nothing listens on it any more, and then the directory that was made for it alone. Only for
 * a socket that has been listened on: between bind(2) and listen(2) one refuses, too. What is no socket refuses as
 * well, and stays.
 */
export async function removeStaleSocket(path: string, tries = killedTries): Promise<void> {
  for (let left = tries; left > 0 && isSocket(path); left--) {
    if (await isRefused(path)) return remove(path)
    if (left > 1) await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}

function isSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false
}

/** What is no socket refuses, too. */
export function isRefused(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('error', (error) => resolve(errnoOf(error) === 'ECONNREFUSED'))
    socket.once('connect', () => {
      resolve(false)
      socket.destroy()
    })
  })
}

function remove(path: string): void {
  try {
    unlinkSync(path)
    const directory = dirname(path)
    if (isPrivateName(basename(directory))) rmdirSync(directory)
  } catch {
    // Somebody else has removed it, or has a socket there.
  }
}
