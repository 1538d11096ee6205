// Call 1024, of our own: the log of a derivation's build, in frames of WRITE. Of one that is running, what has been
// printed so far or, for those who follow it, all until it ends.
import { ToolError } from '@plumbline/common/error/tool-error'
import { openBuildLog } from '@plumbline/common/store/build-log-file'
import { tag } from '@plumbline/common/store/wire/words'
import { buildsOf } from '../build/builds.ts'
import type { Session } from '../session.ts'
import { makeCall, readPath, writeOne, type Wire } from './call.ts'

const maxFrame = 64 * 1024

export const exportLog = makeCall<{ path: string; follow: boolean }, void>({
  read: async (wire) => ({ path: await readPath(wire), follow: await wire.reader.bool() }),
  run: async (session, { path, follow }, wire) => {
    const derivation = derivationOf(session, path)
    const running = derivation === undefined ? undefined : buildsOf(session.store).find(derivation)
    if (running) return passRunning(wire, running, follow)
    const log = derivation === undefined ? undefined : openBuildLog(session.store.config.logs, derivation)
    if (!log) throw new ToolError('STORE_FAILED', { reason: `there is no build log of \`${path}'` })
    for await (const chunk of log) await send(wire, chunk)
  },
  write: writeOne,
})

/** The derivation itself, or the one that made the path. */
function derivationOf({ store }: Session, path: string): string | undefined {
  if (path.endsWith('.drv')) return path
  return store.database.info(path)?.deriver ?? store.database.derivers(path)[0]
}

type Running = NonNullable<ReturnType<ReturnType<typeof buildsOf>['find']>>

async function passRunning(wire: Wire, { shared, done }: Running, follow: boolean): Promise<void> {
  const { signal } = wire.session
  if (!follow) {
    for await (const chunk of shared.replay()) await send(wire, chunk)
    return
  }
  const nothing = () => undefined
  const leave = shared.join(
    { started: nothing, say: nothing, trace: nothing, output: (bytes) => send(wire, bytes) },
    false,
  )
  const gone = new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  )
  // How it ends is for those who wanted it.
  await Promise.race([done.catch(nothing), gone])
  leave()
}

function send({ writer }: Wire, bytes: Buffer): Promise<void> | undefined {
  for (let from = 0; from < bytes.length; from += maxFrame) {
    writer
      .int(tag.write)
      .bytes(bytes.subarray(from, from + maxFrame))
      .commit()
  }
  return writer.flush()
}
