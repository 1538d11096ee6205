// Call 27: the daemon asks for the stream piece by piece.
import { ToolError } from '@plumbline/common/error/tool-error'
import { importItems } from '../operations/import-items.ts'
import { ConnectionBroken } from './connection-broken.ts'
import { makeCall, writeStrings } from './call.ts'
import { tag } from '@plumbline/common/store/wire/words'

const pieceSize = 32 * 1024

export const importPaths = makeCall<void, string[]>({
  read: () => undefined,
  run: (session, _, { reader, writer }) =>
    importItems(session, async () => {
      writer.int(tag.read).int(pieceSize)
      await writer.flush()
      try {
        const bytes = await reader.bytes(pieceSize)
        if (bytes.length === 0) throw new ToolError('WIRE_INVALID', { reason: 'unexpected end-of-file' })
        return bytes
      } catch (error) {
        // What the client sent is no answer: where its next call begins is unknown.
        throw new ConnectionBroken(error)
      }
    }),
  write: writeStrings,
})
