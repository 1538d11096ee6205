// A nar that is unpacked into the store under a name of its own while it arrives.
import type { HashAlgorithm } from '@plumbline/common/store/hash'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Session } from '../session.ts'
import { exists } from '../store/remove-tree.ts'
import type { Hashed, HashedItem } from '../work/hash-items.ts'
import type { UnpackArgs, Unpacked } from '../store/nar-unpacker.ts'
import { ChunkSender } from '../work/chunk-sender.ts'
import type { FromUnpack } from '../work/unpack.ts'

export type NarInProgress = {
  /** Where it is until it gets its name: protected from collections by a temporary root. */
  readonly target: string
  /** Hands the next bytes over; waits while the worker is far behind. */
  push: (chunk: Buffer) => Promise<void> | undefined
  /** Resolves when the worker has read all that was pushed, or the nar has ended. */
  idle: () => Promise<void>
  /** Resolves like `other`, or to true when the nar has ended, also when it is none. */
  orEnded: (other: Promise<boolean>) => Promise<boolean>
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
  session: Session,
  { algorithm, recursive }: { algorithm: HashAlgorithm; recursive: boolean },
): Promise<NarInProgress> {
  const { store, roots, signal } = session
  const target = store.scratchPath()
  await store.tempRoots.add(roots, target)
  const { store: directory, deduplicate } = store.config
  let wake = () => undefined as void
  const chunks = new ChunkSender((bytes) => job.send(bytes, [bytes.buffer]))
  const args: UnpackArgs = { store: directory, target, algorithm, recursive, deduplicate }
  const job = store.pool.start<Unpacked>('unpack', args, (message) => {
    const said = message as FromUnpack
    if ('hash' in said)
      return void hashFile(session, said.hash).then((hash) => job.send({ ...said, found: hash }))
    chunks.acknowledge()
    wake()
  })
  let unpacked: Unpacked | undefined
  let failure: unknown
  const ended = job.result
    .then(
      (result) => {
        // The chunk in which it ended; what of it was not part of the nar comes with the result.
        chunks.acknowledge()
        unpacked = result
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
    push(chunk) {
      chunks.push(chunk)
      return chunks.ahead > window ? until(() => chunks.ahead <= window) : undefined
    },
    idle: () => until(() => chunks.ahead === 0),
    orEnded: (other) =>
      new Promise((resolve, reject) => {
        wake = () => {
          if (unpacked || failure) resolve(true)
        }
        wake()
        other.then(resolve, reject)
      }),
    hasEnded() {
      if (failure) throw failure
      return unpacked !== undefined
    },
    rest: () => Buffer.concat([unpacked?.rest ?? Buffer.alloc(0), ...chunks.rest()]),
    result() {
      if (!unpacked) throw failure
      return unpacked
    },
    async discard() {
      job.stop()
      await ended
      signal.removeEventListener('abort', stop)
      if (exists(target)) await store.pool.run('removeItems', { paths: [target], links: unpacked?.links })
      store.tempRoots.drop(roots, target)
    },
  }
}

/** The hash of the tree's own nar: of the one that was read, unless its entries were out of order. */
export async function ownHash(
  session: Session,
  target: string,
  unpacked: Unpacked,
): Promise<{ narHash: string; narSize: number }> {
  if (unpacked.canonical) {
    return { narHash: Buffer.from(unpacked.narHash).toString('hex'), narSize: unpacked.narSize }
  }
  const hashed = await hashTree(session, target)
  if ('error' in hashed) throw new ToolError('STORE_FAILED', { reason: hashed.error })
  return { narHash: hashed.hash, narSize: hashed.size }
}

/** The hash of a file's own nar; undefined when it has gone. */
async function hashFile(session: Session, path: string): Promise<string | undefined> {
  const hashed = await hashTree(session, path).catch(() => undefined)
  return hashed && 'hash' in hashed ? hashed.hash : undefined
}

async function hashTree({ store, signal }: Session, path: string): Promise<HashedItem> {
  let hashed: HashedItem = { path, error: 'not hashed' }
  const take = (message: unknown) => {
    hashed = (message as Hashed).items[0] ?? hashed
  }
  await store.pool.run('hashItems', { paths: [path] }, take, signal)
  signal.throwIfAborted()
  return hashed
}
