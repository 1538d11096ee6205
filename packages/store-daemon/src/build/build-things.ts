// Makes things valid: derivations (`DRV`, `DRV!out,doc`) by substitute or build, other paths by substitute.
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Session } from '../session.ts'
import type { BuildMode } from './build-job.ts'
import { realise } from './derivation-goal.ts'
import { countFailed, Goals, type Outcome } from './goals.ts'
import { substitute } from './substitution-goal.ts'

const makers = { derivation: realise, substitution: substitute }

/** Throws BUILD_FAILED with the status that clients are told; STORE_FAILED. */
export async function buildThings(
  session: Session,
  things: readonly string[],
  mode: BuildMode,
): Promise<void> {
  const goals = new Goals(session, makers)
  try {
    const outcomes = new Map<string, Outcome>()
    const tops = things.map(async (thing) => {
      const { path, outputs } = parseThing(thing)
      const isDerivation = path.endsWith('.drv')
      const outcome = await (isDerivation
        ? goals.derivation(path, outputs, mode)
        : goals.substitution(path, mode === 'repair'))
      // A path that nobody has and nobody can make is no failure, as guix-daemon sees it.
      const isFine = !isDerivation && (outcome === 'unavailable' || outcome === 'incomplete')
      outcomes.set(path, isFine ? 'done' : outcome)
      return isFine ? 'done' : outcome
    })
    if ((await countFailed(tops, goals.settings.keepGoing)) === 0) return
    const failed = [...outcomes].flatMap(([path, outcome]) => (outcome === 'done' ? [] : [`\`${path}'`]))
    const reason = `build of ${failed.sort().join(', ')} failed`
    throw new ToolError('BUILD_FAILED', { reason, status: goals.status })
  } finally {
    await goals.end()
  }
}

/** Makes a path valid from a substitute, unless it is. Throws STORE_FAILED. */
export async function ensureValid(session: Session, path: string): Promise<void> {
  const goals = new Goals(session, makers)
  try {
    if ((await goals.substitution(path)) === 'done') return
    throw new ToolError('STORE_FAILED', { reason: `path \`${path}' does not exist and cannot be created` })
  } finally {
    await goals.end()
  }
}

/** Gets a corrupt item back: from a substitute, or by building it again. Throws STORE_FAILED. */
export async function repairItem(session: Session, path: string): Promise<void> {
  const goals = new Goals(session, makers)
  try {
    if ((await goals.substitution(path, true)) === 'done') return
    const deriver = session.store.database.info(path)?.deriver
    const isKnown = deriver && session.store.database.idOf(deriver) !== undefined
    if (isKnown && (await goals.derivation(deriver, undefined, 'repair')) === 'done') return
    throw new ToolError('STORE_FAILED', { reason: `cannot repair path \`${path}'` })
  } finally {
    await goals.end()
  }
}

function parseThing(thing: string): { path: string; outputs: string[] | undefined } {
  const at = thing.indexOf('!')
  if (at < 0) return { path: thing, outputs: undefined }
  const names = thing
    .slice(at + 1)
    .split(',')
    .filter((name) => name !== '')
  return { path: thing.slice(0, at), outputs: names.length > 0 ? names : undefined }
}
