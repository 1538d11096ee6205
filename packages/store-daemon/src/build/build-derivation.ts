// Builds one derivation: under the locks of its outputs, as often as wanted, until they are registered.
import { isFixedOutput, type DerivationOutput } from '@plumbline/common/store/derivation/derivation'
import { fault } from '../fault.ts'
import { addTempRoot } from '../operations/roots.ts'
import { untilUnlocked } from '../store/path-locks.ts'
import { exists, removeTree } from '../store/remove-tree.ts'
import { buildsOf } from './builds.ts'
import { BuildFailure } from './build-failure.ts'
import type { BuildJob } from './build-job.ts'
import { makeBuildPlace, placeOf } from './build-place.ts'
import { collectOutputs, type MadeOutput } from './collect-outputs.ts'
import { HashRedirects } from './hash-redirects.ts'
import { judgeCheck, registerOutputs } from './register-outputs.ts'
import { lockOutputs } from './output-locks.ts'
import { leaveBuildPlace } from './leave-build-place.ts'
import { runRound } from './run-round.ts'

/** Throws BuildFailure; STORE_FAILED for what ends the whole call. */
export async function buildDerivation(job: BuildJob): Promise<void> {
  const { derivation, session, settings, sink, signal } = job
  const outputs = derivation.outputs.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  // What the builder makes under other names is no less its own; the store knows it by nothing else.
  const standIns = findRedirects(job, outputs).places()
  for (const path of standIns) await addTempRoot(session, path)
  const release = await lockOutputs([...outputs.map(({ path }) => path), ...standIns], {
    pollMs: settings.pollMs,
    signal,
    onWait: () => sink.say(0, 'waiting for locks or build slots...'),
  })
  let releaseSlot: (() => void) | undefined
  try {
    const wanted = outputs.filter(({ path }) => isWanted(job, path))
    // Somebody else was faster.
    if (wanted.length === 0) return
    if (await isDoneElsewhere(job, wanted)) return
    releaseSlot = await job.takeSlot?.()
    const rounds = isFixedOutput(derivation) ? 1 : settings.rounds
    let previous: readonly MadeOutput[] | undefined
    for (let round = 1; round <= rounds; round++) {
      sink.say(1, announce(job, wanted, round, rounds))
      previous = await runOnce(job, outputs, wanted, previous, round === rounds)
    }
    for (const { path } of wanted) session.store.protectors.protect(path)
  } finally {
    releaseSlot?.()
    release()
  }
}

async function isDoneElsewhere(job: BuildJob, wanted: readonly DerivationOutput[]): Promise<boolean> {
  if (!job.offload) return false
  for (const { path } of wanted) if (exists(path)) removeTree(path)
  return job.offload(
    job,
    wanted.map(({ path }) => path),
  )
}

function isWanted({ mode, session, corrupt }: BuildJob, path: string): boolean {
  return mode === 'check' || corrupt.has(path) || session.store.database.idOf(path) === undefined
}

async function runOnce(
  job: BuildJob,
  outputs: readonly DerivationOutput[],
  wanted: readonly DerivationOutput[],
  previous: readonly MadeOutput[] | undefined,
  isLast: boolean,
): Promise<readonly MadeOutput[]> {
  await buildsOf(job.session.store).left(job.path)
  // A collection may still be removing what an earlier build has left.
  await untilUnlocked(job.path)
  const place = makeBuildPlace(job, findRedirects(job, outputs))
  let keep = job.settings.keepFailed
  try {
    for (const { path } of wanted) clearPlace(job, placeOf(place, path), path)
    fault('build-prepared')
    await runRound(job, place)
    fault('build-ended')
    const made = await collectOutputs(job, place, wanted)
    if (previous) compareRounds(job, previous, made)
    fault('build-collected')
    // It did not fail: what differs is kept, and not where it was made.
    if (job.mode === 'check') keep = false
    if (job.mode === 'check') await judgeCheck(job, made)
    else if (isLast) await registerOutputs(job, made)
    keep = false
    return made
  } finally {
    leaveBuildPlace(job, place, wanted, keep)
  }
}

/** What is at the place of an invalid output was left by somebody who died. */
function clearPlace(job: BuildJob, place: string, path: string): void {
  if (job.mode === 'normal' && exists(path) && job.session.store.database.idOf(path) === undefined)
    removeTree(path)
  if (place !== path && exists(place)) removeTree(place)
}

/** In a sandbox, every output has a place of its own. A built-in is never in one. */
function findRedirects(
  { mode, path, session, settings, derivation, corrupt }: BuildJob,
  outputs: readonly DerivationOutput[],
) {
  const redirects = new HashRedirects(session.store.config.store)
  if (settings.sandbox && !derivation.builder.startsWith('builtin:')) return redirects
  for (const output of outputs) {
    const isThere = session.store.database.idOf(output.path) !== undefined
    if (mode === 'check' || corrupt.has(output.path) || isThere) redirects.add(path, output.path)
  }
  return redirects
}

function compareRounds(
  { path }: BuildJob,
  previous: readonly MadeOutput[],
  made: readonly MadeOutput[],
): void {
  const differs = made.find(({ narHash }, index) => narHash !== previous[index]?.narHash)
  if (!differs) return
  throw new BuildFailure('rejected', `output ‘${differs.path}’ of ‘${path}’ differs from previous round`)
}

const doing = { normal: 'building', check: 'checking', repair: 'repairing' } as const

function announce(
  { mode }: BuildJob,
  wanted: readonly DerivationOutput[],
  round: number,
  rounds: number,
): string {
  const paths = wanted.map(({ path }) => `\`${path}'`).join(', ')
  return `${doing[mode]} path(s) ${paths}${rounds > 1 ? ` (round ${round}/${rounds})` : ''}`
}
