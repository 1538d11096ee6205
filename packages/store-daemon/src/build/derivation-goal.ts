// Makes outputs of one derivation valid: as they are, from substitutes, or by building them after its inputs.
import { setTimeout as delay } from 'node:timers/promises'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Derivation } from '@plumbline/common/store/derivation/derivation'
import { storeName } from '@plumbline/common/store/store-path'
import { readDerivation } from '../operations/check-derivation.ts'
import { addTempRoot } from '../operations/roots.ts'
import type { BuildJob, BuildMode } from './build-job.ts'
import { buildsOf } from './builds.ts'
import { makeClientSink } from './build-sink.ts'
import { closureOf } from './closure.ts'
import { findCorrupt, repairClosure } from './corrupt-items.ts'
import { countFailed, type Goals, type Outcome } from './goals.ts'
import type { OffloadHook } from './offload-hook.ts'
import { runBuild } from './run-build.ts'

/** Throws what ends the whole call. */
export async function realise(
  goals: Goals,
  path: string,
  names: readonly string[] | undefined,
  mode: BuildMode,
): Promise<Outcome> {
  const { session, settings } = goals
  const { store, options } = session
  const { database } = store
  await addTempRoot(session, path)
  if (database.idOf(path) === undefined) await goals.substitution(path)
  if (database.idOf(path) === undefined) {
    session.log(0, `cannot build missing derivation ‘${path}’`)
    return 'unstarted'
  }
  const derivation = readDerivation(store, path)
  for (const output of derivation.outputs) await addTempRoot(session, output.path)
  const wanted = derivation.outputs
    .filter(({ name }) => !names || names.includes(name))
    .map((output) => output.path)
  const corrupt = mode === 'repair' ? await findCorrupt(session, wanted) : new Set<string>()
  const isMissing = (output: string) => database.idOf(output) === undefined || corrupt.has(output)
  if (mode === 'normal' && !wanted.some(isMissing)) return 'done'
  if (settings.cacheFailures && wanted.some((output) => isMissing(output) && database.hasFailed(output))) {
    session.log(0, `builder for \`${path}' failed previously (cached)`)
    if (options.printBuildTrace) session.log(0, `@ build-failed ${path} - cached`)
    return 'cached'
  }
  if (options.useSubstitutes && (variable(derivation, 'allowSubstitutes') ?? '1') === '1') {
    const missing = wanted.filter(isMissing)
    const outcomes = await Promise.all(
      missing.map((output) => goals.substitution(output, corrupt.has(output))),
    )
    for (const [index, output] of missing.entries()) if (outcomes[index] === 'done') corrupt.delete(output)
    if (outcomes.includes('broken') && !settings.fallback) throw withoutFallback(path)
    if (mode === 'normal' && !wanted.some(isMissing)) return 'done'
  }
  if (mode === 'check' && wanted.some(isMissing)) {
    const reason = `some outputs of \`${path}' are not valid, so checking is not possible`
    throw new ToolError('STORE_FAILED', { reason })
  }
  if (mode === 'repair' && !wanted.some(isMissing)) return repairClosure(goals, path, derivation)
  const failed = await countFailed(await inputGoals(goals, derivation, mode), settings.keepGoing)
  if (failed > 0) {
    session.log(0, `cannot build derivation \`${path}': ${failed} dependencies couldn't be built`)
    return 'dependency'
  }
  return build(goals, { path, derivation, mode, corrupt })
}

async function build(
  goals: Goals,
  what: Pick<BuildJob, 'path' | 'derivation' | 'mode' | 'corrupt'>,
): Promise<Outcome> {
  const { session, settings, signal } = goals
  const { path, derivation } = what
  const isLocal = variable(derivation, 'preferLocalBuild') === '1'
  const takeSlot = async () => {
    if (settings.maxJobs > 0 || isLocal) return goals.slots.take(`b$${storeName(path)}$${path}`, signal)
    const reason = "unable to start any build; either increase `--max-jobs' or enable distributed builds"
    throw new ToolError('STORE_FAILED', { reason })
  }
  const job = { ...what, session, settings, signal, inputs: inputsOf(goals, derivation, path) }
  const { hook } = goals
  const isOffered = hook && what.mode === 'normal' && !isLocal
  try {
    return await runBuild(
      isOffered ? { ...job, offload: (...args) => offer(goals, hook, ...args) } : job,
      makeClientSink(session, path, derivation.system),
      takeSlot,
    )
  } finally {
    goals.waitFor(buildsOf(session.store).left(path))
  }
}

async function offer(
  goals: Goals,
  hook: OffloadHook,
  job: BuildJob,
  missing: readonly string[],
): Promise<boolean> {
  for (;;) {
    const isFree = goals.settings.maxJobs > 0 && goals.slots.isFree
    const answer = await hook.offer(job, missing, isFree)
    if (answer !== 'postponed') return answer === 'done'
    await delay(goals.settings.pollMs, undefined, { signal: job.signal })
  }
}

export function variable({ environment }: Derivation, name: string): string | undefined {
  return environment.find(([each]) => each === name)?.[1]
}

/** What is valid already needs no goal. */
async function inputGoals(
  goals: Goals,
  derivation: Derivation,
  mode: BuildMode,
): Promise<Promise<Outcome>[]> {
  const { session } = goals
  const { database } = session.store
  const inputMode = mode === 'repair' ? 'repair' : 'normal'
  const waiting: Promise<Outcome>[] = []
  for (const { path, outputs } of derivation.inputDerivations) {
    const paths = outputPaths(goals, path, outputs)
    const isThere = inputMode === 'normal' && paths?.every((each) => database.idOf(each) !== undefined)
    if (!isThere) waiting.push(goals.derivation(path, outputs, inputMode))
    else for (const each of paths ?? []) await addTempRoot(session, each)
  }
  for (const path of derivation.inputSources) {
    await addTempRoot(session, path)
    if (database.idOf(path) === undefined) waiting.push(goals.substitution(path))
  }
  return waiting
}

/** Undefined when the derivation is not valid, or has no such output. */
function outputPaths(goals: Goals, path: string, names: readonly string[]): string[] | undefined {
  const { database } = goals.session.store
  const id = database.idOf(path)
  if (id === undefined) return undefined
  const known = new Map(database.outputs(id).map((output) => [output.id, output.path]))
  const paths = names.flatMap((name) => known.get(name) ?? [])
  return paths.length === names.length ? paths : undefined
}

/** The closure of all inputs. Throws STORE_FAILED. */
function inputsOf(goals: Goals, derivation: Derivation, path: string): string[] {
  const direct = derivation.inputDerivations.flatMap((input) => {
    const paths = outputPaths(goals, input.path, input.outputs)
    if (paths) return paths
    const reason = `derivation \`${path}' requires non-existent output \`${input.outputs.join(',')}' from input derivation \`${input.path}'`
    throw new ToolError('STORE_FAILED', { reason })
  })
  return closureOf(goals.session.store.database, [...direct, ...derivation.inputSources])
}

function withoutFallback(path: string): ToolError {
  return new ToolError('STORE_FAILED', {
    reason: `some substitutes for the outputs of derivation \`${path}' failed (usually happens due to networking issues); try \`--fallback' to build derivation from source `,
  })
}
