// Makes an item valid from what servers offer of it.
import { renameSync } from 'node:fs'
import { ToolError } from '@plumbline/common/error/tool-error'
import { toToolError } from '@plumbline/common/error/translate'
import type { Registration } from '../database/registrar.ts'
import { fault } from '../fault.ts'
import { checkDerivationFile } from '../operations/check-derivation.ts'
import { addItem } from '../operations/finish-item.ts'
import type { Session } from '../session.ts'
import { lockPath, unlockPath } from '../store/path-locks.ts'
import { exists, removeTree } from '../store/remove-tree.ts'
import { replaceTree } from '../store/replace-tree.ts'
import { Deadline } from './deadline.ts'
import { fetchInto } from './fetch-into.ts'
import type { Offer } from './find-offers.ts'
import { downloadsOf } from './shared-state.ts'
import type { FetchOptions } from './substituter.ts'
import { formatTrace } from './trace.ts'

/** Gives the tree at `target` the name of the item that is to be registered. */
type Name = (target: string, item: Registration) => void | Promise<void>

const asNew = (target: string, { path }: Registration): void => {
  removeTree(path)
  renameSync(target, path)
}

/** Its lock is not held while a server that somebody has named takes its time. */
const asNewAtOnce =
  (session: Session): Name =>
  async (target, item) => {
    await addItem(session, item.path, () => {
      asNew(target, item)
      return item
    })
    if (exists(target)) await session.store.pool.run('removeItems', { paths: [target], links: item.links })
  }

/** Throws STORE_FAILED with the item named. Nothing of it is left then. */
export async function fetchItem(session: Session, offer: Offer, options: FetchOptions): Promise<void> {
  const { path } = offer.claim
  const { log } = options
  const trace = (text: string) => {
    if (session.options.printBuildTrace) log(0, text)
  }
  let started = false
  const isStranger = offer.sources.some(({ server }) => server.isStranger)
  const fetch = (name: Name): Promise<Registration> => {
    started = true
    log(1, `fetching path \`${path}'...`)
    trace(formatTrace.started(path))
    return downloadsOf(session, isStranger).run(() => place(session, offer, options, name))
  }
  try {
    if (options.repair)
      await repairItem(session, path, () => fetch((target) => void replaceTree(target, path)))
    else if (isStranger) await fetch(asNewAtOnce(session))
    else await addItem(session, path, () => fetch(asNew))
    if (started) trace(formatTrace.succeeded(path))
  } catch (error) {
    const known = toToolError(error)
    const text = `substitute of \`${path}' failed: ${known.message}`
    if (known.code === 'HASH_MISMATCH') trace(formatTrace.mismatch(path, known.details))
    trace(known.code === 'TIMEOUT' ? formatTrace.timedOut(path) : formatTrace.failed(path, text))
    throw new ToolError('STORE_FAILED', { reason: text }, { cause: error })
  }
}

/** An item that is valid stays so, whatever fails. */
async function repairItem(
  { store, roots }: Session,
  path: string,
  fetch: () => Promise<Registration>,
): Promise<void> {
  await store.tempRoots.add(roots, path)
  await lockPath(path)
  try {
    await store.registrar.register(await fetch())
  } finally {
    unlockPath(path)
  }
}

/** Downloads to a name that nobody knows, checks, and gives it its own. */
async function place(
  session: Session,
  offer: Offer,
  options: FetchOptions,
  name: Name,
): Promise<Registration> {
  const { store, roots } = session
  const { path, narHash, narSize, references, deriver } = offer.claim
  const target = store.scratchPath()
  await store.tempRoots.add(roots, target)
  const deadline = new Deadline(session, options.signal)
  let links: readonly string[] = []
  try {
    ;({ links } = await fetchInto(session, offer, target, options, deadline))
    fault('substitute-unpacked')
    const outputs = checkDerivationFile(store, path, target)
    const item = { path, narHash, narSize, references, deriver, links, ...(outputs && { outputs }) }
    await name(target, item)
    fault('substitute-renamed')
    return item
  } catch (error) {
    await store.pool.run('removeItems', { paths: [target], links })
    throw deadline.timedOut ?? error
  } finally {
    deadline.end()
    store.tempRoots.drop(roots, target)
  }
}
