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
  const place = () => {
    // To make the file is the quickest way to see whether it is there.
    if (!writeCanonicalFile(path, contents, () => database.idOf(path) !== undefined)) return undefined
    for (const reference of sorted) {
      if (database.idOf(reference) === undefined)
        throw new ToolError('REFERENCE_NOT_VALID', { path: reference })
    }
    const outputs = name.endsWith('.drv') ? checkDerivation(session.store, path, contents) : undefined
    const hash = endFileHash(startFileHash(contents.length, false).update(contents), contents.length)
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
  }
  await addItem(session, path, place, { looks: true })
  return path
}

/** Whether it was written: not when there is something of that name which is valid. */
function writeCanonicalFile(path: string, contents: Buffer, isValid: () => boolean): boolean {
  const create = () => native().createFile(path, contents, 0o444, 1) === 1
  if (create()) return true
  if (isValid()) return false
  // What is there was left by somebody who died.
  removeTree(path)
  if (create()) return true
  throw new ToolError('STORE_FAILED', { reason: `creating file \`${path}': File exists` })
}
