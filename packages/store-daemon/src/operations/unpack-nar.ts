// A nar that is unpacked into the store under a name of its own while it arrives.
import type { HashAlgorithm } from '@plumbline/common/store/hash'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Session } from '../session.ts'
import { exists } from '../store/remove-tree.ts'
import type { HashedItem } from '../work/hash-items.ts'
import type { Unpacked } from '../work/unpack.ts'

export type NarInProgress = {
  /** Where it is until it gets its name: protected from collections by a temporary root. */
  readonly target: string
  /** Takes the next bytes; resolves when more are wanted, to what was not part of the nar once it has ended. */
  push: (chunk: Buffer) => Promise<Uint8Array | undefined>
  /** What it was, after it has ended. */
  result: () => Promise<Unpacked>
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
  let ahead = 0
  let wake = () => undefined as void
  const job = store.pool.start<Unpacked>(
    'unpack',
    { store: directory, target, algorithm, recursive, deduplicate },
    (taken) => {
      ahead -= taken as number
      wake()
    },
  )
  let unpacked: Unpacked | undefined
  let failure: unknown
  const settled = job.result
    .then(
      (result) => (unpacked = result),
      (error: unknown) => (failure = error),
    )
    .then(() => wake())
  const stop = () => job.stop()
  signal.addEventListener('abort', stop, { once: true })

  return {
    target,
    async push(chunk) {
      // A copy: the chunk's memory may be part of a pool, and has to change threads.
      const copy = new Uint8Array(chunk)
      ahead += copy.length
      job.send(copy, [copy.buffer])
      await new Promise<void>((resolve) => {
        wake = () => {
          if (unpacked || failure || ahead < window) resolve()
        }
        wake()
      })
      if (failure) throw failure
      return unpacked?.rest
    },
    async result() {
      await settled
      if (!unpacked) throw failure
      return unpacked
    },
    async discard() {
      job.stop()
      await settled
      signal.removeEventListener('abort', stop)
      if (exists(target)) await store.pool.run('removeItems', { paths: [target] })
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
  await store.pool.run('hashItems', { paths: [target] }, (items) => ([hashed] = items as HashedItem[]))
  if (!hashed || 'error' in hashed)
    throw new ToolError('STORE_FAILED', { reason: hashed?.error ?? 'not hashed' })
  return { narHash: hashed.hash, narSize: hashed.size }
}
