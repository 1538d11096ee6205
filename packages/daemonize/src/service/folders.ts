// The folders and files of a service: made with owners that leave no one else a way in, and removed with care.
import { lstatSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'
import type { Settings } from '../config/settings.ts'
import { makeFolder } from '@plumbline/common/process/make-folder'
import { giveAway } from './give-away.ts'
import { findPathDanger } from './path-danger.ts'
import { readPidfile, readState, readTrusted } from './state.ts'
import { readToken } from './token.ts'

/** More than a pidfile ever holds: what is longer is somebody's file, and stays. */
const recordMax = 64

/** Where pidfile, state and lock are: root's or the caller's, and nobody else's to write. */
export function makeRunFolder({ pidfile }: Settings): void {
  const folder = dirname(pidfile)
  makeFolder(folder, 0o755)
  const danger = findPathDanger(folder)
  if (danger !== undefined) throw new ToolError('DIRECTORY_UNSAFE', { path: folder, reason: danger })
}

/** The service's own folder, for the code that it compiles; never writable by anyone else. */
export function makeCacheFolder({ cachedir, identity }: Settings): void {
  if (!makeFolder(cachedir, 0o750)) return
  try {
    if (identity) giveAway(cachedir, identity)
  } catch (error) {
    throw new ToolError('CANNOT_CREATE', { path: cachedir, reason: reasonOf(error) }, { cause: error })
  }
}

/** Removes what tells of an incarnation. Throws CANNOT_CREATE when one is something else. */
export function removeRecords(settings: Settings, { force = false } = {}): void {
  const { pidfile, state } = settings
  const [pid, record] = [readPidfile(pidfile), readState(state)]
  if ('bad' in pid) refuseStranger(pidfile, pid.bad, force)
  if ('bad' in record && !isDamagedState(state)) refuseStranger(state, record.bad, force)
  for (const path of [pidfile, state]) removeFile(path)
  removePrepared(settings)
  const { repl } = settings
  if (!repl) return
  if ('tokenFile' in repl) removeToken(repl.tokenFile)
  if ('socket' in repl && lstatSync(repl.socket, { throwIfNoEntry: false })?.isSocket())
    removeFile(repl.socket)
}

function refuseStranger(path: string, bad: string, force: boolean): void {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat?.isDirectory() || (stat?.isFile() && stat.size > recordMax && !force))
    throw new ToolError('CANNOT_CREATE', { path, reason: `there is something else: ${bad}` })
}

/** What a power failure leaves of one. */
function isDamagedState(path: string): boolean {
  const text = readTrusted(path)
  return 'value' in text && /^(\{"id":"|\0)/.test(text.value)
}

/** After a start that did not come to an end. */
export function removePrepared({ pidfile, state, repl }: Settings): void {
  for (const path of [`${pidfile}.new`, `${state}.new`]) removeFile(path)
  if (repl && 'tokenFile' in repl) removeToken(`${repl.tokenFile}.new`)
}

function removeToken(path: string): void {
  if ('value' in readToken(path)) removeFile(path)
}

function removeFile(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return
    throw new ToolError('CANNOT_CREATE', { path, reason: reasonOf(error) }, { cause: error })
  }
}
