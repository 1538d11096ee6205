// Clears up after a build: nothing of it stays but what was registered, or was asked to be kept.
import { lstatSync } from 'node:fs'
import { getgid, getuid } from 'node:process'
import { reasonOf } from '@plumbline/common/error/translate'
import { toPath } from '@plumbline/common/store/byte-string'
import type { DerivationOutput } from '@plumbline/common/store/derivation/derivation'
import { findUser } from '../operations/user-profile.ts'
import { moveItem } from '../store/move-item.ts'
import { exists, removeTree } from '../store/remove-tree.ts'
import { keepBuildDirectory, type BuildDirectory } from './build-directory.ts'
import type { BuildJob } from './build-job.ts'
import { placeOf, type BuildPlace } from './build-place.ts'
import { buildsOf } from './builds.ts'
import { canonicalise } from './canonicalise.ts'

export function leaveBuildPlace(
  job: BuildJob,
  place: BuildPlace,
  wanted: readonly DerivationOutput[],
  keep: boolean,
): void {
  const { session } = job
  const { database } = session.store
  const { builder, chroot, directory } = place
  place.user?.release()
  directory.release()
  if (keep) {
    for (const { path } of wanted) if (job.mode === 'normal') keepOutput(job, place, path)
    if (exists(directory.top)) keep = keepDirectory(job, directory)
  }
  // The process that watched over the builder removes what it had, beside what comes next here.
  if (builder) buildsOf(session.store).leave(job.path, builder.leave(keep ? 'kept' : 'removed'))
  const rest = [...place.redirects.places()]
  if (keep && chroot) rest.push(chroot)
  if (!keep && !builder) rest.push(directory.path)
  // What could not be registered is in the store already; without a sandbox, also what could not be finished.
  if (!keep) rest.push(...wanted.map(({ path }) => path))
  for (const path of rest) if (database.idOf(path) === undefined && exists(path)) removeTree(path)
}

/** False when it cannot be kept: somebody may have taken a name that is needed for that. */
function keepDirectory(job: BuildJob, directory: BuildDirectory): boolean {
  try {
    job.sink.say(0, `note: keeping build directory \`${keepBuildDirectory(directory, clientOf(job))}'`)
    return true
  } catch (error) {
    job.sink.say(0, `cannot keep build directory \`${directory.path}': ${reasonOf(error)}`)
    return false
  }
}

/** For inspection, in a form in which nobody can use it for anything else; it is not valid. */
function keepOutput({ session }: BuildJob, where: BuildPlace, path: string): void {
  const place = placeOf(where, path)
  if (session.store.database.idOf(path) !== undefined || !exists(place)) return
  try {
    // In a sandbox there is nobody else's file to link to.
    const builder = where.chroot ? undefined : where.user?.uid
    for (const _ of canonicalise(place, { builder, uid: getuid?.() ?? 0, gid: getgid?.() ?? 0 })) continue
    if (place !== path) moveItem(place, path)
  } catch {
    // Something that no item may hold.
    if (lstatSync(toPath(place), { throwIfNoEntry: false })) removeTree(place)
  }
}

function clientOf({ session }: BuildJob): { uid: number; gid: number } | undefined {
  const { uid } = session.peer
  if (uid === undefined || uid === 0 || getuid?.() !== 0) return undefined
  return { uid, gid: findUser(uid)?.gid ?? uid }
}
