// Runs a derivation's builder once, or the built-in that stands for it, and judges how it ended.
import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { isFixedOutput } from '@plumbline/common/store/derivation/derivation'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import { getSystemErrorName } from 'node:util'
import { BuildFailure, describeEnd } from './build-failure.ts'
import type { BuildJob } from './build-job.ts'
import { makeRequest, placeOf, type BuildPlace } from './build-place.ts'
import { buildsOf } from './builds.ts'
import { builtins } from './builtins.ts'
import { runBuilder } from './run-builder.ts'
import type { BuilderEnd } from './sandbox-process.ts'
import { pid } from 'node:process'

/** Throws BuildFailure unless it ended well. */
export async function runRound(job: BuildJob, place: BuildPlace): Promise<void> {
  const { derivation, session, settings, sink, signal, path } = job
  if (derivation.builder.startsWith('builtin:')) return runBuiltin(job, place)
  checkPlatform(job)
  const end = await runBuilder({
    sandbox: buildsOf(session.store).sandbox,
    request: makeRequest(job, place),
    derivation: path,
    limits: settings,
    sink,
    signal,
    onStart: (builder) => (place.builder = builder),
  })
  if (end.how === 'exit' && end.number === 0) return
  if (end.how === 'failed')
    throw new BuildFailure('unstarted', `while setting up the build environment: ${end.reason}`)
  if (end.how === 'exec') explainExec(job, end)
  const isDiskFull = isFull(session.store.config.store) || isFull(tmpdir())
  if (isDiskFull) sink.say(0, 'note: build failure may have been caused by lack of free disk space')
  const kind = isFixedOutput(derivation) || isDiskFull ? 'transient' : 'permanent'
  throw new BuildFailure(kind, `builder for \`${path}' ${describeEnd(end)}`)
}

/** Another processor's programs may be runnable here, another kernel's are not. */
function checkPlatform({ derivation, path, settings, sink }: BuildJob): void {
  const kernel = (system: string) => system.slice(system.indexOf('-') + 1)
  if (kernel(derivation.system) === kernel(settings.system)) return
  sink.trace(`unsupported-platform ${path} ${derivation.system}`)
  throw wrongPlatform(derivation.system, path, settings.system)
}

function explainExec(
  { derivation, path, settings, sink }: BuildJob,
  end: BuilderEnd & { how: 'exec' | 'exit' | 'signal' },
): void {
  const code = getSystemErrorName(-end.number)
  if (code === 'ENOEXEC' && derivation.system !== settings.system) {
    sink.trace(`unsupported-platform ${path} ${derivation.system}`)
    throw wrongPlatform(derivation.system, path, settings.system)
  }
  const reason = reasonOf(Object.assign(new Error(code), { errno: -end.number }))
  const text = `while setting up the build environment: executing \`${derivation.builder}': ${reason}\n`
  void sink.output(Buffer.from(text, 'latin1'))
}

function wrongPlatform(needed: string, path: string, here: string): BuildFailure {
  return new BuildFailure(
    'unstarted',
    `a \`${needed}' is required to build \`${path}', but I am a \`${here}'`,
  )
}

async function runBuiltin(
  { derivation, session, sink, signal, path }: BuildJob,
  place: BuildPlace,
): Promise<void> {
  const name = derivation.builder.slice('builtin:'.length)
  const run = Object.hasOwn(builtins, name) ? await builtins[name]?.() : undefined
  if (!run) throw new BuildFailure('unstarted', `unsupported builtin function '${name}'`)
  const [output] = derivation.outputs
  if (!output) throw new BuildFailure('unstarted', `derivation \`${path}' has no output`)
  sink.started(pid)
  try {
    await run(session, derivation, {
      output: placeOf(place, output.path),
      user: place.user,
      directory: place.directory.top,
      log: (bytes) => void sink.output(bytes),
      signal,
    })
  } catch (error) {
    if (signal.aborted) throw new BuildFailure('cancelled', `building of \`${path}' was cancelled`)
    void sink.output(Buffer.from(`${reasonOf(error)}\n`))
    const isLate = error instanceof ToolError && error.code === 'TIMEOUT'
    throw new BuildFailure(isLate ? 'timeout' : 'transient', `builder for \`${path}' failed with exit code 1`)
  }
}

const reservedBytes = 8 * 1024 * 1024

function isFull(directory: string): boolean {
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize < reservedBytes
}
