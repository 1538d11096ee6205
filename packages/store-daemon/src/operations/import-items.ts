// Imports items from another store. An item's path says nothing about its contents; trust comes from the key that
// signed it, so nothing is imported without a signature, not even for root.
import { ToolError } from '@plumbline/common/error/tool-error'
import { exportMagic } from '@plumbline/common/store/export-format'
import { isStorePath } from '@plumbline/common/store/store-path'
import { fault } from '../fault.ts'
import type { Session } from '../session.ts'
import { moveItem } from '../store/move-item.ts'
import { removeTree } from '../store/remove-tree.ts'
import { checkDerivationFile } from './check-derivation.ts'
import { addItem } from './finish-item.ts'
import { ImportStream, type Pull } from './import-stream.ts'
import { trustedHash } from './signing.ts'
import { ownHash, startUnpacking, type NarInProgress } from './unpack-nar.ts'

const maxPath = 4096
/** Bytes. */
const maxReferences = 16 * 1024 * 1024
const maxSignature = 64 * 1024

/** The paths in the order of the stream. Items before one that fails stay. */
export async function importItems(session: Session, pull: Pull): Promise<string[]> {
  const stream = new ImportStream(pull)
  const paths: string[] = []
  for (;;) {
    const more = await stream.number()
    if (more === 0) return paths
    if (more !== 1) throw foreign()
    const nar = await startUnpacking(session, { algorithm: 'sha256', recursive: true })
    try {
      paths.push(await importItem(session, stream, nar))
    } finally {
      await nar.discard()
    }
  }
}

async function importItem(session: Session, stream: ImportStream, nar: NarInProgress): Promise<string> {
  const { config, database } = session.store
  stream.startHash()
  while (!nar.hasEnded()) {
    const chunk = await stream.chunk()
    await nar.push(chunk)
    // More is asked for only when the nar wants it: after its end, the client may have nothing left.
    await nar.idle()
    stream.take(chunk.length - (nar.hasEnded() ? nar.rest().length : 0))
  }
  if ((await stream.number()) !== exportMagic) throw foreign()
  const path = await stream.string(maxPath)
  requireStorePath(config.store, path)
  const references = await stream.strings(maxReferences, maxPath)
  for (const reference of references) requireStorePath(config.store, reference)
  const deriver = await stream.string(maxPath)
  if (deriver !== '') requireStorePath(config.store, deriver)
  const hash = stream.endHash()
  const signature = (await stream.number()) === 1 ? await stream.string(maxSignature) : undefined
  if (signature === undefined) throw failed(`imported archive of \`${path}' lacks a signature`)
  if (!trustedHash(config, signature).equals(hash)) {
    throw failed(
      "signed hash doesn't match actual contents of imported archive; archive could be corrupt, or someone is trying to import a Trojan horse",
    )
  }
  const unpacked = nar.result()
  if (unpacked.failure) {
    const { verb, path: inside, reason } = unpacked.failure
    throw failed(`${verb} \`${path}${inside}': ${reason}`)
  }
  await addItem(session, path, async () => {
    const own = await ownHash(session, nar.target, unpacked)
    for (const reference of references) {
      if (reference !== path && database.idOf(reference) === undefined) {
        throw new ToolError('REFERENCE_NOT_VALID', { path: reference })
      }
    }
    const outputs = checkDerivationFile(session.store, path, nar.target)
    removeTree(path)
    moveItem(nar.target, path)
    fault('import-renamed')
    const known = deriver !== '' && database.idOf(deriver) !== undefined
    return {
      path,
      ...own,
      references,
      deriver: known ? deriver : null,
      links: unpacked.links,
      ...(outputs && { outputs }),
    }
  })
  return path
}

function requireStorePath(store: string, path: string): void {
  if (!isStorePath(store, path)) throw new ToolError('NOT_IN_STORE', { path })
}

function foreign(): ToolError {
  return failed("input doesn't look like something created by `nix-store --export'")
}

function failed(reason: string): ToolError {
  return new ToolError('STORE_FAILED', { reason })
}
