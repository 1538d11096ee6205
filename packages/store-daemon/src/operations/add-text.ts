// Adds a text: its path is a function of its name, contents and references.
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'
import { hexDigest } from '@plumbline/common/store/hash'
import { makeTextPath } from '@plumbline/common/store/store-path'
import { native } from '@plumbline/common/syscall/native'
import { fault } from '../fault.ts'
import type { Session } from '../session.ts'
import { deduplicateFile, deduplicationMinimum, linkOf } from '../store/deduplicate.ts'
import { fileNarSize, hashFile } from '../store/file-hash.ts'
import { removeTree } from '../store/remove-tree.ts'
import { checkDerivation } from './check-derivation.ts'
import { addItem, LockedElsewhere } from './finish-item.ts'

export type AddText = { name: string; contents: Buffer; references: readonly string[] }

/** Throws STORE_NAME_…, REFERENCE_NOT_VALID, DERIVATION_…. */
export async function addText(session: Session, { name, contents, references }: AddText): Promise<string> {
  const { config, database } = session.store
  const sorted = [...new Set(references)].sort()
  const path = makeTextPath(config.store, name, hexDigest('sha256', contents), sorted)
  const isDerivation = name.endsWith('.drv')
  const place = (isBare: boolean) => {
    for (const reference of sorted) {
      if (database.idOf(reference) === undefined)
        throw new ToolError('REFERENCE_NOT_VALID', { path: reference })
    }
    const outputs = isDerivation ? checkDerivation(session.store, path, contents) : undefined
    const hash = hashFile(contents)
    const isShared = config.deduplicate && contents.length >= deduplicationMinimum
    const number = beginFile(path, contents, isBare)
    return {
      path,
      narHash: hash.toString('hex'),
      narSize: fileNarSize(contents.length, false),
      references: sorted,
      deriver: null,
      ...(outputs && { outputs }),
      ...(isShared && { links: [linkOf(config.store, hash)] }),
      isPlaced: once(() => {
        // To write it is also the quickest way to see whether it is there.
        if (!finishFile(number, path)) {
          if (database.idOf(path) !== undefined) return false
          replaceRemains(path, contents)
        }
        fault('add-text-written')
        if (isShared) deduplicateFile(config.store, path, hash)
        return true
      }),
    }
  }
  // To check a derivation takes longer than to look for it, and most are added again and again.
  await addItem(session, path, place, { looks: !isDerivation })
  return path
}

function beginFile(path: string, contents: Buffer, isBare: boolean): number {
  return native().beginFile(path, isBare ? '.lock' : '', contents, 0o444, 1)
}

/** False when there is one. */
function finishFile(number: number, path: string): boolean {
  try {
    return native().finishFile(number) === 1
  } catch (error) {
    if (errnoOf(error) === 'EBUSY') throw new LockedElsewhere(path)
    const reason = `writing to file \`${path}': ${reasonOf(error)}`
    throw new ToolError('STORE_FAILED', { reason }, { cause: error })
  }
}

/** What is there was left by somebody who died. */
function replaceRemains(path: string, contents: Buffer): void {
  removeTree(path)
  if (finishFile(beginFile(path, contents, false), path)) return
  throw new ToolError('STORE_FAILED', { reason: `creating file \`${path}': File exists` })
}

/** Runs once, whoever asks how often for what it returns or throws. */
function once<T>(action: () => T): () => T {
  let outcome: (() => T) | undefined
  const run = () => {
    try {
      const value = action()
      return () => value
    } catch (error) {
      return () => {
        throw error
      }
    }
  }
  return () => (outcome ??= run())()
}
