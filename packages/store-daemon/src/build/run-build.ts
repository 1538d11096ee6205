// Runs the build of a derivation, alone or together with other clients that want it, and tells all of them how it
// ended.
import { toToolError } from '@plumbline/common/error/translate'
import { ToolError } from '@plumbline/common/error/tool-error'
import { isFixedOutput } from '@plumbline/common/store/derivation/derivation'
import { BuildFailure } from './build-failure.ts'
import { buildDerivation } from './build-derivation.ts'
import type { BuildJob } from './build-job.ts'
import { BuildLog } from './build-log.ts'
import type { BuildSink } from './build-sink.ts'
import { buildsOf, SharedBuild } from './builds.ts'
import { logFileOf } from './log-file.ts'
import type { Outcome } from './goals.ts'

export type WantedBuild = Omit<BuildJob, 'sink'>

/** `takeSlot` waits for the client's turn to start a build. Throws what ends the whole call. */
export async function runBuild(
  build: WantedBuild,
  sink: BuildSink,
  takeSlot: () => Promise<() => void>,
): Promise<Outcome> {
  const { session, path, mode, signal } = build
  const builds = buildsOf(session.store)
  const isOthers = mode === 'normal' && builds.find(path) !== undefined
  // Somebody else's build takes nobody a slot, nor does one that another machine may take.
  const isElsewhere = isOthers || (mode === 'normal' && build.offload !== undefined)
  const release = isElsewhere ? undefined : await takeSlot()
  const job = build.offload ? { ...build, takeSlot } : build
  try {
    if (mode === 'normal') await builds.share(path, sink, signal, () => startShared(job))
    else await runAlone(job, sink)
    return 'done'
  } catch (error) {
    if (!(error instanceof BuildFailure)) throw error
    signal.throwIfAborted()
    // It has taken too long for somebody else.
    if (isOthers && error.kind === 'timeout') return runBuild(build, sink, takeSlot)
    return error.kind
  } finally {
    release?.()
  }
}

async function runAlone(build: WantedBuild, sink: BuildSink): Promise<void> {
  const { shared, run } = startShared(build)
  const leave = shared.join(sink)
  build.signal.addEventListener('abort', leave, { once: true })
  try {
    await run()
  } finally {
    build.signal.removeEventListener('abort', leave)
  }
}

function startShared(build: WantedBuild): { shared: SharedBuild; run: () => Promise<void> } {
  const { config } = build.session.store
  const file = logFileOf(config.logs, build.path, config.build.compressLogs)
  const log = new BuildLog(build.settings.keepLogs ? file : undefined, config.build.compressLogs)
  const shared = new SharedBuild(log, file)
  const run = async () => {
    try {
      await buildDerivation({ ...build, sink: shared, signal: shared.signal })
      shared.trace(`build-succeeded ${build.path} -`)
    } catch (error) {
      throw await report(build, shared, error)
    } finally {
      shared.end()
      // The call waits for it, the next build does not.
      buildsOf(build.session.store).leave(build.path, log.end())
    }
  }
  return { shared, run }
}

/** Tells how it failed; the error to go on with. */
async function report(build: WantedBuild, sink: BuildSink, error: unknown): Promise<unknown> {
  const { path, settings, derivation, session } = build
  if (sink instanceof SharedBuild && sink.signal.aborted) {
    return new BuildFailure('cancelled', toToolError(error).message)
  }
  if (!(error instanceof BuildFailure)) {
    return error instanceof ToolError ? error : toToolError(error)
  }
  if (error.kind === 'timeout') {
    sink.trace(`build-failed ${path} - timeout`)
    return error
  }
  // Of that it has been told.
  if (error.kind === 'hook') return error
  sink.say(0, error.message)
  sink.trace(`build-failed ${path} - ${error.kind === 'unstarted' ? 0 : 1} ${error.message}`)
  const isRemembered = settings.cacheFailures && !isFixedOutput(derivation)
  if (isRemembered && (error.kind === 'permanent' || error.kind === 'rejected')) {
    const { registrar, database } = session.store
    await registrar.write(() => {
      for (const output of derivation.outputs) database.addFailedPath(output.path)
    })
  }
  return error
}
