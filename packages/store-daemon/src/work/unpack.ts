// Unpacks a nar into the store while its bytes arrive, and computes every hash of it in the same pass.
import type { Hash } from 'node:crypto'
import { ToolError } from '@plumbline/common/error/tool-error'
import { startHash, type HashAlgorithm } from '@plumbline/common/store/hash'
import { NarParser } from '@plumbline/common/store/nar/nar-parser'
import { removeUnusedLink } from '../gc/unused-links.ts'
import { removeTree } from '../store/remove-tree.ts'
import { fileNarSize, RestoreSink } from '../store/restore-sink.ts'
import type { Job } from './job.ts'

export type UnpackArgs = {
  store: string
  target: string
  algorithm: HashAlgorithm
  recursive: boolean
  deduplicate: boolean
}

export type Unpacked = {
  type: 'file' | 'directory' | 'symlink' | undefined
  /** Of the nar or, when not recursive, of the contents. */
  contentHash: Uint8Array
  narHash: Uint8Array
  narSize: number
  /** The tree's own nar is the one that was read. */
  canonical: boolean
  failure: { verb: string; path: string; reason: string } | undefined
  /** Files of `.links` that were made for it. */
  links: readonly string[]
  /** Bytes that came after the nar. */
  rest: Uint8Array
}

/** Every message is a chunk of the nar, and is acknowledged; the last one by the result. */
export const unpack: Job<UnpackArgs, Unpacked> = (args, port) => {
  const { store, target, algorithm, recursive, deduplicate } = args
  const narHash = startHash('sha256')
  const other: Hash | undefined = recursive && algorithm === 'sha256' ? undefined : startHash(algorithm)
  const sink = new RestoreSink(target, {
    deduplicateIn: deduplicate ? store : undefined,
    dropExecutable: !recursive,
    contentHash: recursive ? undefined : other,
  })
  const parser = new NarParser(sink)
  let size = 0

  const abandon = () => {
    sink.close()
    removeTree(target)
    for (const link of sink.links) removeUnusedLink(link)
  }
  const finish = (rest: Buffer): Unpacked => {
    const { type, failure, fileHash } = sink
    const ownHash = narHash.digest()
    const flat = !recursive && type === 'file' && fileHash !== undefined
    if (failure || (!recursive && !flat)) abandon()
    return {
      type,
      failure,
      links: sink.links,
      contentHash: other ? other.digest() : ownHash,
      narHash: flat ? fileHash : ownHash,
      narSize: flat ? fileNarSize(sink.size, false) : size,
      canonical: parser.sorted,
      rest: new Uint8Array(rest),
    }
  }
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      abandon()
      reject(error)
    }
    port.onStop = () => fail(new ToolError('CANCELLED', { what: 'Unpacking' }))
    port.onMessage = (message) => {
      if (parser.done) return
      try {
        const chunk = Buffer.from(
          (message as Uint8Array).buffer,
          (message as Uint8Array).byteOffset,
          (message as Uint8Array).length,
        )
        const used = parser.push(chunk)
        const mine = chunk.subarray(0, used)
        narHash.update(mine)
        if (recursive) other?.update(mine)
        size += used
        if (parser.done) resolve(finish(chunk.subarray(used)))
        else port.send(used)
      } catch (error) {
        fail(error)
      }
    }
  })
}
