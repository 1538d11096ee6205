// One item of an export stream, in pieces.
import { createHash } from 'node:crypto'
import { ToolError } from '@plumbline/common/error/tool-error'
import { formatExportSignature, formatExportTrailer } from '@plumbline/common/store/export-format'
import type { Session } from '../session.ts'
import { hexHash, requireInfo, requireReferences } from './require-valid.ts'
import { signExport } from './signing.ts'

export type Send = (bytes: Uint8Array) => Promise<void> | undefined

/** Throws PATH_NOT_VALID; STORE_FAILED, then after the nar has been sent, when it is not what was registered. */
export async function exportItem(session: Session, path: string, sign: boolean, send: Send): Promise<void> {
  const { store, roots, signal } = session
  const info = requireInfo(session, path)
  const references = requireReferences(session, path)
  await store.tempRoots.add(roots, path)
  session.log(1, `exporting path \`${path}'`)
  const signed = createHash('sha256')
  const job = store.pool.start<{ hash: string }>('dumpItem', { path }, (message) => {
    const block = message as Uint8Array
    if (sign) signed.update(block)
    // One after the other: `send` is called again only when it has resolved.
    sending = sending.then(() => send(block)).then(() => job.send(block.length))
  })
  let sending = Promise.resolve<unknown>(undefined)
  const stop = () => job.stop()
  signal.addEventListener('abort', stop, { once: true })
  const { hash } = await job.result.finally(() => signal.removeEventListener('abort', stop))
  await sending
  if (hash !== hexHash(info)) {
    throw new ToolError('STORE_FAILED', {
      reason: `hash of path \`${path}' has changed from \`${hexHash(info)}' to \`${hash}'!`,
    })
  }
  const trailer = formatExportTrailer({ path, references, deriver: info.deriver ?? '' })
  const signature = sign ? signExport(store.config, signed.update(trailer).digest()) : undefined
  await send(Buffer.concat([trailer, formatExportSignature(signature)]))
}
