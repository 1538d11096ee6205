// Call 16: an item goes out in frames of WRITE.
import { ToolError } from '@plumbline/common/error/tool-error'
import { exportItem } from '../operations/export-item.ts'
import { makeCall, readPath, writeOne } from './call.ts'
import { tag } from '@plumbline/common/store/wire/words'

const maxFrame = 64 * 1024

export const exportPath = makeCall<{ path: string; sign: boolean }, void>({
  read: async (wire) => {
    const path = await readPath(wire)
    const sign = await wire.reader.int()
    if (sign > 1) throw new ToolError('WIRE_INVALID', { reason: 'a flag is neither 0 nor 1' })
    return { path, sign: sign === 1 }
  },
  run: async (session, { path, sign }, { writer }) => {
    let waiting: Buffer = Buffer.alloc(0)
    await exportItem(session, path, sign, (bytes) => {
      waiting = Buffer.concat([waiting, bytes])
      let from = 0
      for (; waiting.length - from > maxFrame; from += maxFrame) {
        writer.int(tag.write).bytes(waiting.subarray(from, from + maxFrame))
      }
      waiting = waiting.subarray(from)
      return writer.flush()
    })
    writer.int(tag.write).bytes(waiting).commit()
  },
  write: writeOne,
})
