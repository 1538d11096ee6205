// Call 16: an item goes out in frames of WRITE.
import { ToolError } from '@plumbline/common/error/tool-error'
import { exportItem } from '../operations/export-item.ts'
import { makeCall, readPath, writeOne } from './call.ts'
import { tag } from './words.ts'

const maxFrame = 64 * 1024

export const exportPath = makeCall<{ path: string; sign: boolean }, void>({
  read: async (wire) => {
    const path = await readPath(wire)
    const sign = await wire.reader.int()
    if (sign > 1) throw new ToolError('WIRE_INVALID', { reason: 'a flag is neither 0 nor 1' })
    return { path, sign: sign === 1 }
  },
  run: (session, { path, sign }, { writer }) =>
    exportItem(session, path, sign, (bytes) => {
      for (let from = 0; from < bytes.length; from += maxFrame) {
        writer.int(tag.write).bytes(bytes.subarray(from, from + maxFrame))
      }
      return writer.flush()
    }),
  write: writeOne,
})
