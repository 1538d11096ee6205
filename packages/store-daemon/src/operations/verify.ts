// Checks that what is valid is there and, if wanted, that it still is what was registered.
import { readdirSync } from 'node:fs'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import { isInStore, isStorePath } from '@plumbline/common/store/store-path'
import { fault } from '../fault.ts'
import type { Session } from '../session.ts'
import { makeTurns } from '../work/job.ts'
import type { Hashed, HashedItem } from '../work/hash-items.ts'
import { repairPath } from './repair.ts'

export type Verify = {
  contents: boolean
  repair: boolean
  from?: string
  onProgress?: (done: Progress) => void
}
export type Progress = { checked: number; total: number; bad: number; last: string }

const zeroHash = `sha256:${'0'.repeat(64)}`

/** Whether errors remain. Throws STORE_REFUSED. */
export async function verifyStore(session: Session, verify: Verify): Promise<boolean> {
  if (verify.repair && !session.trusted) {
    throw new ToolError('STORE_REFUSED', { reason: 'you are not privileged to repair paths' })
  }
  const { log, store } = session
  const { from = '' } = verify
  // It may have gone since, but what is no item's name is behind all or before all.
  if (from !== '' && !isStorePath(store.config.store, from)) {
    throw new ToolError('STORE_FAILED', {
      reason: `cannot go on after \`${from}': it is no item of the store`,
    })
  }
  log(0, 'reading the store...')
  const { errors, valid } = await store.gcLock.exclusively(async () => {
    session.signal.throwIfAborted()
    return checkPresence(session, verify.repair)
  })
  if (!verify.contents) return errors
  log(1, 'checking hashes...')
  return (await checkContents(session, verify, valid)) || errors
}

async function checkPresence(
  session: Session,
  repair: boolean,
): Promise<{ errors: boolean; valid: string[] }> {
  const { log, store } = session
  const { database, registrar, config } = store
  const onDisk = new Set(readdirSync(config.store, 'latin1').map((name) => `${config.store}/${name}`))
  // Made when the store was opened: without it, it is another directory, such as one where nothing is mounted any more.
  if (!onDisk.has(`${config.store}/.links`)) {
    throw new ToolError('STORE_FAILED', {
      reason: `directory \`${config.store}' is not the store that was opened`,
    })
  }
  log(1, 'checking path existence...')
  const turn = makeTurns()
  const valid: string[] = []
  const missing = new Set<string>()
  for (const path of database.allPaths()) {
    if (!isInStore(config.store, path)) log(0, `path \`${path}' is not in the store`)
    if (isInStore(config.store, path) && onDisk.has(path)) valid.push(path)
    else missing.add(path)
    await turn()
  }
  // What goes may have been the last to refer to others that are missing: they are looked at again.
  const queue = [...missing]
  for (const path of queue) {
    await turn()
    const id = database.idOf(path)
    if (id === undefined || database.referrers(path).some((referrer) => referrer !== path)) continue
    const references = (database.references(path) ?? []).filter((reference) => missing.has(reference))
    if (isInStore(config.store, path)) log(0, `path \`${path}' disappeared, removing from database...`)
    await registrar.write(() => {
      database.invalidate(id, path)
      fault('verify-before-commit')
    })
    missing.delete(path)
    for (const reference of references) queue.push(reference)
  }
  let errors = false
  for (const path of missing) {
    log(0, `path \`${path}' disappeared, but it still has valid referrers!`)
    if (!repair || !(await tryRepair(session, path))) errors = true
  }
  return { errors, valid: valid.sort() }
}

async function checkContents(session: Session, verify: Verify, valid: readonly string[]): Promise<boolean> {
  const { store, log, signal } = session
  const { from = '' } = verify
  const paths = valid.filter((path) => path > from)
  const repairs: string[] = []
  const progress = { checked: 0, total: paths.length, bad: 0, last: from }
  const take = ({ count, items }: Hashed) => {
    for (const item of items) {
      if (!judge(session, item)) {
        progress.bad++
        repairs.push(item.path)
      }
    }
    progress.checked += count
    // The last word on it says how far it is complete, too.
    if (progress.checked < progress.total) verify.onProgress?.({ ...progress })
  }
  const run = async (part: readonly string[]) => {
    if (signal.aborted) return false
    const job = store.pool.start('hashItems', { paths: part, known: knownHashes(session, part) }, (message) =>
      take(message as Hashed),
    )
    const stop = () => job.stop()
    signal.addEventListener('abort', stop, { once: true })
    await job.result.finally(() => signal.removeEventListener('abort', stop))
    return !signal.aborted
  }
  await inParts(paths, run, (last) => (progress.last = last))
  verify.onProgress?.({ ...progress })
  if (signal.aborted) log(0, `interrupted after \`${progress.last}'`)
  let errors = false
  for (const path of repairs) if (!verify.repair || !(await tryRepair(session, path))) errors = true
  return errors
}

/** What the paths, which are in order, are registered as; undefined for what has to be looked at more closely. */
function knownHashes({ store }: Session, paths: readonly string[]): (string | undefined)[] {
  const known = store.database.hashes(paths[0] ?? '', paths.at(-1) ?? '')
  return paths.map((path) => known.get(path))
}

/** Whether an item whose hash is not the known one is what was registered. */
function judge(session: Session, item: HashedItem): boolean {
  const { store, log } = session
  const info = store.database.info(item.path)
  // Collected since.
  if (!info) return true
  if ('error' in item) {
    log(0, `cannot read \`${item.path}': ${item.error}`)
    return false
  }
  const hash = `sha256:${item.hash}`
  const hashMissing = info.hash === zeroHash
  if (!hashMissing && info.hash !== hash) {
    const [expected, got] = [info.hash.slice(7), item.hash]
    log(0, `path \`${item.path}' was modified! expected hash \`${expected}', got \`${got}'`)
    return false
  }
  if (hashMissing || !info.narSize) {
    log(0, `fixing missing ${hashMissing ? 'hash' : 'size'} on \`${item.path}'`)
    const item_ = { path: item.path, narHash: item.hash, narSize: item.size, references: [], deriver: null }
    store.registrar.register(item_).catch((error: unknown) => log(0, reasonOf(error)))
  }
  return true
}

async function tryRepair(session: Session, path: string): Promise<boolean> {
  try {
    await repairPath(session, path)
    return true
  } catch (error) {
    session.log(0, error instanceof Error ? error.message : String(error))
    return false
  }
}

/**
 * Two parts at a time, each short enough that both threads are busy until the end; no more once `run` says that it
 * was not done. `onDone` is told the path up to which everything has been done: parts end in any order.
 */
async function inParts(
  paths: readonly string[],
  run: (part: readonly string[]) => Promise<boolean>,
  onDone: (last: string) => void,
): Promise<void> {
  const size = Math.max(1, Math.min(200, Math.ceil(paths.length / 16)))
  const done = new Set<number>()
  let next = 0
  let complete = 0
  const work = async (): Promise<void> => {
    while (next * size < paths.length) {
      const index = next++
      if (!(await run(paths.slice(index * size, (index + 1) * size)))) return
      done.add(index)
      while (done.delete(complete)) complete++
      const last = paths[Math.min(complete * size, paths.length) - 1]
      if (last !== undefined) onDone(last)
    }
  }
  await Promise.all([work(), work()])
}
