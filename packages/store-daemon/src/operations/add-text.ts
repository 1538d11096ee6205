// Adds a text: its path is a function of its name, contents and references.
import { ToolError } from '@plumbline/common/error/tool-error'
import { hexDigest } from '@plumbline/common/store/hash'
import { makeTextPath } from '@plumbline/common/store/store-path'
import { native } from '@plumbline/common/syscall/native'
import { fault } from '../fault.ts'
import type { Session } from '../session.ts'
import { deduplicateFile, deduplicationMinimum } from '../store/deduplicate.ts'
import { removeTree } from '../store/remove-tree.ts'
import { endFileHash, fileNarSize, startFileHash } from '../store/restore-sink.ts'
import { checkDerivation } from './check-derivation.ts'
import { addItem } from './finish-item.ts'

export type AddText = { name: string; contents: Buffer; references: readonly string[] }

/** Throws STORE_NAME_…, REFERENCE_NOT_VALID, DERIVATION_…. */
export async function addText(session: Session, { name, contents, references }: AddText): Promise<string> {
  const { config, database } = session.store
  const sorted = [...new Set(references)].sort()
  const path = makeTextPath(config.store, name, hexDigest('sha256', contents), sorted)
  await addItem(session, path, () => {
    for (const reference of sorted) {
      if (database.idOf(reference) === undefined)
        throw new ToolError('REFERENCE_NOT_VALID', { path: reference })
    }
    const outputs = name.endsWith('.drv') ? checkDerivation(session.store, path, contents) : undefined
    const hash = endFileHash(startFileHash(contents.length, false).update(contents), contents.length)
    writeCanonicalFile(path, contents)
    fault('add-text-written')
    if (config.deduplicate && contents.length >= deduplicationMinimum)
      deduplicateFile(config.store, path, hash)
    return {
      path,
      narHash: hash.toString('hex'),
      narSize: fileNarSize(contents.length, false),
      references: sorted,
      deriver: null,
      ...(outputs && { outputs }),
    }
  })
  return path
}

function writeCanonicalFile(path: string, contents: Buffer): void {
  const create = () => native().createFile(path, contents, 0o444, 1) === 1
  if (create()) return
  // What is there was left by somebody who died.
  removeTree(path)
  if (!create()) throw new ToolError('STORE_FAILED', { reason: `creating file \`${path}': File exists` })
}
