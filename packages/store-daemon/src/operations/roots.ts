// Roots: asking for them, adding them, and waiting for a collection to end.
import { existsSync, mkdirSync, renameSync, symlinkSync, unlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { formatBase32 } from '@plumbline/common/store/base32'
import { toPath } from '@plumbline/common/store/byte-string'
import { ToolError } from '@plumbline/common/error/tool-error'
import { digest } from '@plumbline/common/store/hash'
import { errnoOf } from '@plumbline/common/error/translate'
import { fault } from '../fault.ts'
import type { FoundRoots, Root } from '../gc/find-roots.ts'
import { findHungRoots } from '../gc/hung-roots.ts'
import type { Session } from '../session.ts'
import { scratchName } from '../store/scratch-name.ts'

/** NAME_MAX, and PATH_MAX less its NUL. */
const [maxName, maxPath] = [255, 4095]

/** Of a name that no file can have, which would only fill the memory, there is nothing to keep. */
export async function addTempRoot({ store, roots }: Session, path: string): Promise<void> {
  if (path.length - store.config.store.length - 1 > maxName) return
  await store.tempRoots.add(roots, path)
}

/** Makes the user's symlink `file`, a byte string, a root for as long as it points into the store. */
export function addIndirectRoot({ store }: Session, file: string): void {
  if (file.includes('\0')) throw new ToolError('STORE_FAILED', { reason: 'a file name with a NUL' })
  // Textually: the file need not exist yet.
  const target = resolve('/', file)
  if (target.length > maxPath)
    throw new ToolError('STORE_FAILED', { reason: `a file name of more than ${maxPath} bytes` })
  const directory = join(store.config.state, 'gcroots/auto')
  // Not those above it: without them a collection fails, and must not find none but this root.
  if (!existsSync(directory)) mkdirSync(directory)
  replaceSymlink(join(directory, formatBase32(digest('sha1', target))), target)
}

/** Returns once no collection is going on that was when it was called. */
export async function syncWithCollection({ store }: Session): Promise<void> {
  await store.gcLock.exclusively(async () => undefined)
}

/** Roots that point to valid items, by the name of the symlink that does. */
export async function findValidRoots({ store, log }: Session): Promise<Root[]> {
  const { store: directory, state } = store.config
  const hung = await findHungRoots(directory, state)
  const found = await store.pool.run<FoundRoots>('findRoots', { store: directory, state, hung })
  for (const warning of found.warnings) log(1, warning)
  const valid = found.roots.filter(({ target }) => store.database.idOf(target) !== undefined)
  const byLink = new Map(valid.map((root) => [root.link, root]))
  return [...byLink.values()].sort((a, b) => (a.link < b.link ? -1 : 1))
}

function replaceSymlink(link: string, target: string): void {
  const scratch = scratchName(`${link}.tmp`)
  symlinkSync(toPath(target), scratch)
  fault('root-before-rename')
  try {
    renameSync(scratch, link)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') unlinkSync(scratch)
    throw error
  }
}
