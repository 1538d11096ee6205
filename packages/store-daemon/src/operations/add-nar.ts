// Adds a file or tree that has arrived as a nar: its path is a function of its contents.
import { ToolError } from '@plumbline/common/error/tool-error'
import { isHashAlgorithm, type HashAlgorithm } from '@plumbline/common/store/hash'
import { checkStoreName, makeFixedOutputPath } from '@plumbline/common/store/store-path'
import { fault } from '../fault.ts'
import type { Session } from '../session.ts'
import { moveItem } from '../store/move-item.ts'
import { removeTree } from '../store/remove-tree.ts'
import { checkDerivationFile } from './check-derivation.ts'
import { addItem } from './finish-item.ts'
import { ownHash, type NarInProgress } from './unpack-nar.ts'

export type AddNar = { name: string; recursive: boolean; algorithm: string; nar: NarInProgress }

/** The algorithm to hash with while a nar is read whose hash will be refused at its end. */
export function algorithmOrDefault(name: string): HashAlgorithm {
  return isHashAlgorithm(name) ? name : 'sha256'
}

/** Throws HASH_UNKNOWN, STORE_NAME_…, DERIVATION_…, STORE_FAILED. */
export async function addNar(session: Session, request: AddNar): Promise<string> {
  try {
    return await placeNar(session, request)
  } finally {
    await request.nar.discard()
  }
}

async function placeNar(session: Session, { name, recursive, algorithm, nar }: AddNar): Promise<string> {
  const unpacked = nar.result()
  if (!isHashAlgorithm(algorithm)) throw new ToolError('HASH_UNKNOWN')
  checkStoreName(name)
  if (!recursive && unpacked.type !== 'file') {
    throw new ToolError('STORE_FAILED', { reason: 'regular file expected' })
  }
  const content = { algorithm, recursive, hash: unpacked.contentHash }
  const path = makeFixedOutputPath(session.store.config.store, name, content)
  if (unpacked.failure) {
    const { verb, path: inside, reason } = unpacked.failure
    throw new ToolError('STORE_FAILED', { reason: `${verb} \`${path}${inside}': ${reason}` })
  }
  await addItem(session, path, async () => {
    const own = await ownHash(session, nar.target, unpacked)
    const outputs = checkDerivationFile(session.store, path, nar.target)
    fault('add-nar-unpacked')
    removeTree(path)
    moveItem(nar.target, path)
    fault('add-nar-renamed')
    return { path, ...own, references: [], deriver: null, links: unpacked.links, ...(outputs && { outputs }) }
  })
  return path
}
