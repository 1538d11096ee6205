// The last steps for what a build has made: into the store, into the database; or, in a check, beside what is there.
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Registration } from '../database/registrar.ts'
import { fault } from '../fault.ts'
import { exchangeItems, moveItem } from '../store/move-item.ts'
import { exists, removeTree } from '../store/remove-tree.ts'
import { scratchName } from '../store/scratch-name.ts'
import { BuildFailure } from './build-failure.ts'
import type { BuildJob } from './build-job.ts'
import { isSmall, type MadeOutput } from './collect-outputs.ts'
import { deduplicateOutput } from './deduplicate-output.ts'
import { startHere } from '../work/start-here.ts'

/** Moves the outputs into the store and registers all of them at once. */
export async function registerOutputs(job: BuildJob, made: readonly MadeOutput[]): Promise<void> {
  const { store } = job.session
  const ordered = referencesFirst(made)
  // All of them first: it may be cancelled, and then nothing has got its name.
  if (store.config.deduplicate) for (const output of ordered) await deduplicate(job, output.place)
  for (const output of ordered) {
    if (output.place !== output.path) place(job, output)
    fault('build-placed')
  }
  const items = ordered.map(({ path, narHash, narSize, references }): Registration => {
    for (const reference of references) store.protectors.protect(reference)
    return { path, narHash, narSize, references, deriver: job.path }
  })
  await store.registrar.registerAll(items)
  fault('build-registered')
}

/**
 * Compares with what is registered. Throws STORE_FAILED, which ends the call, for the first that differs; with
 * keep-failed it stays beside as PATH-check.
 */
export async function judgeCheck(job: BuildJob, made: readonly MadeOutput[]): Promise<void> {
  const { database } = job.session.store
  for (const { path, place: where, narHash } of made) {
    const known = database.info(path)
    // Of an output that nobody has asked about, and that is not there, there is nothing to say.
    if (!known || known.hash === `sha256:${narHash}`) continue
    const words = `derivation \`${job.path}' may not be deterministic: output \`${path}' differs`
    if (!job.settings.keepFailed) throw new ToolError('STORE_FAILED', { reason: words })
    const kept = `${path}-check`
    if (exists(kept)) removeTree(kept)
    moveItem(where, kept)
    throw new ToolError('STORE_FAILED', { reason: `${words} from ‘${kept}’` })
  }
  // guix-daemon says so here, and once more when the build is done.
  job.sink.trace(`build-succeeded ${job.path} -`)
}

function place({ session, mode }: BuildJob, { path, place: where }: MadeOutput): void {
  if (mode === 'repair' && exists(path)) {
    // Whoever uses the item sees the old one or the new one, whole.
    exchangeItems(where, path)
    removeTree(where)
    return
  }
  if (exists(path)) {
    // Nobody has registered it: a leftover, out of the way at once whatever its size.
    const old = `${session.store.config.store}/${scratchName('.old')}`
    moveItem(path, old)
    removeTree(old)
  }
  moveItem(where, path)
}

/** Outputs may refer to each other, not in a circle. Throws BuildFailure. */
function referencesFirst(made: readonly MadeOutput[]): MadeOutput[] {
  const ordered: MadeOutput[] = []
  const visit = (output: MadeOutput, trail: readonly MadeOutput[]) => {
    if (trail.includes(output)) {
      throw new BuildFailure('rejected', `cycle detected in the references of \`${output.path}'`)
    }
    if (ordered.includes(output)) return
    for (const reference of output.references) {
      const other = reference === output.path ? undefined : made.find(({ path }) => path === reference)
      if (other) visit(other, [...trail, output])
    }
    ordered.push(output)
  }
  for (const output of made) visit(output, [])
  return ordered
}

async function deduplicate({ session, mode, signal }: BuildJob, path: string): Promise<void> {
  const args = { store: session.store.config.store, path, repair: mode === 'repair' }
  if (isSmall(path)) await startHere(deduplicateOutput, args, () => undefined).result
  else await session.store.pool.run('deduplicateOutput', args, undefined, signal)
}
