// Call 7: the nar comes inline, without a length before it, so that only reading it tells where it ends.
import { ToolError } from '@plumbline/common/error/tool-error'
import { addNar, algorithmOrDefault, type AddNar } from '../operations/add-nar.ts'
import { startUnpacking } from '../operations/unpack-nar.ts'
import { Disconnected } from '@plumbline/common/store/wire/byte-reader'
import { makeCall, writeString, type Wire } from './call.ts'

const maxName = 4096
const maxAlgorithm = 64

export const addToStore = makeCall<AddNar, string>({ read, run: addNar, write: writeString })

async function read({ reader, session }: Wire): Promise<AddNar> {
  const name = await reader.string(maxName)
  const isFixed = await reader.int()
  const isRecursive = await reader.int()
  const given = await reader.string(maxAlgorithm)
  if (isFixed > 1 || isRecursive > 1)
    throw new ToolError('WIRE_INVALID', { reason: 'a flag is neither 0 nor 1' })
  // Clients of old say that something is not fixed, and then mean the usual.
  const recursive = isFixed === 0 || isRecursive === 1
  const algorithm = isFixed === 0 ? 'sha256' : given
  const nar = await startUnpacking(session, { algorithm: algorithmOrDefault(algorithm), recursive })
  try {
    while (!nar.hasEnded()) {
      const more = reader.hasMore()
      // Whether more bytes belong to the nar is for the worker to say.
      if (more !== true && !(await nar.orEnded(Promise.resolve(more)))) throw new Disconnected()
      if (reader.buffered > 0 && !nar.hasEnded()) await nar.push(await reader.chunk())
    }
    reader.unread(nar.rest())
    return { name, recursive, algorithm, nar }
  } catch (error) {
    await nar.discard()
    throw error
  }
}
