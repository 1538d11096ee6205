// A nar that is unpacked into the store under a name of its own while it arrives.
import type { HashAlgorithm } from '@plumbline/common/store/hash'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Session } from '../session.ts'
import { exists } from '../store/remove-tree.ts'
import type { Hashed, HashedItem } from '../work/hash-items.ts'
import type { Unpacked } from '../store/nar-unpacker.ts'

export type NarInProgress = {
  /** Where it is until it gets its name: protected from collections by a temporary root. */
  readonly target: string
  /** Hands the next bytes over; waits while the worker is far behind. */
  push: (chunk: Buffer) => Promise<void>
  /** Resolves when the worker has read all that was pushed, or the nar has ended. */
  idle: () => Promise<void>
  /** Resolves when the nar has ended, also when it is none. */
  readonly ended: Promise<void>
  /** Whether it has ended. Throws NAR_…, STORE_FAILED when it is none. */
  hasEnded: () => boolean
  /** What was pushed after its end. */
  rest: () => Buffer
  /** What it was, after it has ended. */
  result: () => Unpacked
  /** Leaves nothing behind; harmless when the item has got its name. */
  discard: () => Promise<void>
}

/** Bytes handed to the worker before waiting for it. */
const window = 4 * 1024 * 1024

export async function startUnpacking(
  { store, roots, signal }: Session,
  { algorithm, recursive }: { algorithm: HashAlgorithm; recursive: boolean },
): Promise<NarInProgress> {
  const target = store.scratchPath()
  await store.tempRoots.add(roots, target)
  const { store: directory, deduplicate } = store.config
  // Chunks that the worker has not acknowledged: those that are left when it ends are not part of the nar.
  const pushed: Buffer[] = []
  let ahead = 0
  let wake = () => undefined as void
  const job = store.pool.start<Unpacked>(
    'unpack',
    { store: directory, target, algorithm, recursive, deduplicate },
    () => {
      ahead -= pushed.shift()?.length ?? 0
      wake()
    },
  )
  let unpacked: Unpacked | undefined
  let failure: unknown
  const ended = job.result
    .then(
      (result) => {
        unpacked = result
        // The chunk in which it ended; what of it was not part of the nar comes with the result.
        ahead -= pushed.shift()?.length ?? 0
      },
      (error: unknown) => void (failure = error),
    )
    .then(() => wake())
  const until = (isReady: () => boolean) =>
    new Promise<void>((resolve) => {
      wake = () => {
        if (unpacked || failure || isReady()) resolve()
      }
      wake()
    })
  const stop = () => job.stop()
  signal.addEventListener('abort', stop, { once: true })

  return {
    target,
    ended,
    async push(chunk) {
      // A copy: the chunk's memory may be part of a pool, and has to change threads.
      const copy = new Uint8Array(chunk)
      pushed.push(chunk)
      ahead += chunk.length
      job.send(copy, [copy.buffer])
      if (ahead > window) await until(() => ahead <= window)
    },
    idle: () => until(() => ahead === 0),
    hasEnded() {
      if (failure) throw failure
      return unpacked !== undefined
    },
    rest: () => Buffer.concat([unpacked?.rest ?? Buffer.alloc(0), ...pushed]),
    result() {
      if (!unpacked) throw failure
      return unpacked
    },
    async discard() {
      job.stop()
      await ended
      signal.removeEventListener('abort', stop)
      if (exists(target)) await store.pool.run('removeItems', { paths: [target], links: unpacked?.links })
      roots.delete(target)
    },
  }
}

/** The hash of the tree's own nar: of the one that was read, unless its entries were out of order. */
export async function ownHash(
  { store }: Session,
  target: string,
  unpacked: Unpacked,
): Promise<{ narHash: string; narSize: number }> {
  if (unpacked.canonical) {
    return { narHash: Buffer.from(unpacked.narHash).toString('hex'), narSize: unpacked.narSize }
  }
  let hashed: HashedItem | undefined
  await store.pool.run('hashItems', { paths: [target] }, (message) => {
    ;[hashed] = (message as Hashed).items
  })
  if (!hashed || 'error' in hashed)
    throw new ToolError('STORE_FAILED', { reason: hashed?.error ?? 'not hashed' })
  return { narHash: hashed.hash, narSize: hashed.size }
}
