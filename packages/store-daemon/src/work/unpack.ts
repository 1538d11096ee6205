// Unpacks a nar into the store while its bytes arrive from the main thread.
import { ToolError } from '@plumbline/common/error/tool-error'
import { NarUnpacker, type UnpackArgs, type Unpacked } from '../store/nar-unpacker.ts'
import type { Job } from './job.ts'

/** Every message is a chunk of the nar, and is acknowledged; the last one by the result. */
export const unpack: Job<UnpackArgs, Unpacked> = (args, port) => {
  const unpacker = new NarUnpacker(args)
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      unpacker.abandon()
      reject(error)
    }
    port.onStop = () => fail(new ToolError('CANCELLED', { what: 'Unpacking' }))
    port.onMessage = (message) => {
      if (unpacker.done) return
      try {
        const chunk = Buffer.from(
          (message as Uint8Array).buffer,
          (message as Uint8Array).byteOffset,
          (message as Uint8Array).length,
        )
        const used = unpacker.push(chunk)
        if (unpacker.done) resolve(unpacker.finish(chunk.subarray(used)))
        else port.send(used)
      } catch (error) {
        fail(error)
      }
    }
  })
}
