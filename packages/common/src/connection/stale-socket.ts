// Sockets that nobody serves any more, because who did was killed.
import { lstatSync, rmdirSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { basename, dirname } from 'node:path'
import { errnoOf } from '../error/translate.ts'

/** What a connect names a directory that it makes for itself alone. */
export const privatePrefix = 'plumbline-'

/**
 * Removes the socket if nothing listens on it, and then the directory that was made for it alone. Only for a socket
 * that has been listened on: between bind(2) and listen(2) one refuses, too. What is no socket refuses as well, and
 * stays.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  if (!(await isRefused(path))) return
  try {
    if (!lstatSync(path).isSocket()) return
    unlinkSync(path)
    const directory = dirname(path)
    if (basename(directory).startsWith(privatePrefix)) rmdirSync(directory)
  } catch {
    // Somebody else has removed it, or has a socket there.
  }
}

function isRefused(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('error', (error) => resolve(errnoOf(error) === 'ECONNREFUSED'))
    socket.once('connect', () => {
      resolve(false)
      socket.destroy()
    })
  })
}
