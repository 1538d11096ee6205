// Repairs: which valid items are not what was registered, and how to get them back.
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Derivation } from '@plumbline/common/store/derivation/derivation'
import { exists } from '../store/remove-tree.ts'
import { readDerivation } from '../operations/check-derivation.ts'
import type { Session } from '../session.ts'
import type { Hashed } from '../work/hash-items.ts'
import { closureOf } from './closure.ts'
import { countFailed, type Goals, type Outcome } from './goals.ts'

/** Of `paths`, those that are valid but missing or changed on disk. */
export async function findCorrupt(session: Session, paths: readonly string[]): Promise<Set<string>> {
  const { store, log, signal } = session
  const valid = paths.filter((path) => store.database.idOf(path) !== undefined)
  const corrupt = new Set(valid.filter((path) => !exists(path)))
  const present = valid.filter((path) => !corrupt.has(path))
  const known = present.map((path) => store.database.info(path)?.hash.replace(/^sha256:/, ''))
  const take = (hashed: unknown) => {
    for (const { path } of (hashed as Hashed).items) corrupt.add(path)
  }
  await store.pool.run('hashItems', { paths: present, known }, take, signal)
  // What has been hashed is not all.
  signal.throwIfAborted()
  for (const path of corrupt) log(0, `path \`${path}' is corrupted or missing!`)
  return corrupt
}

/** What the outputs of a derivation need is made good too, where it is not. Throws STORE_FAILED. */
export async function repairClosure(goals: Goals, path: string, derivation: Derivation): Promise<Outcome> {
  const { session, settings } = goals
  const { database } = session.store
  const own = derivation.outputs.map((output) => output.path)
  const needed = closureOf(database, own).filter((each) => !own.includes(each))
  const corrupt = await findCorrupt(session, needed)
  if (corrupt.size === 0) return 'done'
  const makers = makersOf(session, path)
  const repairs = [...corrupt].map((each) => {
    session.log(0, `found corrupted or missing path \`${each}' in the output closure of \`${path}'`)
    const maker = makers.get(each)
    return maker === undefined ? goals.substitution(each, true) : goals.derivation(maker, undefined, 'repair')
  })
  if ((await countFailed(repairs, settings.keepGoing)) === 0) return 'done'
  const reason = `some paths in the output closure of derivation ‘${path}’ could not be repaired`
  throw new ToolError('STORE_FAILED', { reason })
}

/** Output → derivation, for all that a derivation builds on. */
function makersOf({ store }: Session, path: string): Map<string, string> {
  const derivations = closureOf(store.database, [path]).filter((each) => each.endsWith('.drv'))
  return new Map(
    derivations.flatMap((each) => readDerivation(store, each).outputs.map((output) => [output.path, each])),
  )
}
