// Unpacks a nar into the store while its bytes arrive from the main thread.
import { ToolError } from '@plumbline/common/error/tool-error'
import { NarUnpacker, type UnpackArgs, type Unpacked } from '../store/nar-unpacker.ts'
import type { Job } from './job.ts'

/** To the main thread: a chunk has been read; or a file to be hashed by another thread. */
export type FromUnpack = { used: number } | { hash: string }
/** To the job: a chunk; or the hash that a file was found to have, 64 hex digits, if it could be read. */
export type ToUnpack = Uint8Array<ArrayBuffer> | { hash: string; found: string | undefined }

/** Every chunk of the nar is acknowledged; the last one by the result. */
export const unpack: Job<UnpackArgs, Unpacked> = (args, port) => {
  const hashing = new Set<string>()
  let rest: Buffer | undefined
  const unpacker = new NarUnpacker(args, (path) => {
    hashing.add(path)
    port.send({ hash: path } satisfies FromUnpack)
  })
  const push = (chunk: Buffer) => {
    if (unpacker.done) return
    const used = unpacker.push(chunk)
    if (unpacker.done) rest = chunk.subarray(used)
    else port.send({ used } satisfies FromUnpack)
  }
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      unpacker.abandon()
      reject(error)
    }
    port.onStop = () => fail(new ToolError('CANCELLED', { what: 'Unpacking' }))
    port.onMessage = (message) => {
      const said = message as ToUnpack
      try {
        if ('buffer' in said) push(Buffer.from(said.buffer, said.byteOffset, said.length))
        else if (hashing.delete(said.hash) && said.found !== undefined)
          unpacker.deduplicate(said.hash, said.found)
        if (rest && hashing.size === 0) resolve(unpacker.finish(rest))
      } catch (error) {
        fail(error)
      }
    }
  })
}
