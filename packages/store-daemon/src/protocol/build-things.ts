// Call 9: builds. What is printed meanwhile goes out as it comes.
import { ToolError } from '@plumbline/common/error/tool-error'
import { buildThings as build } from '../build/build-things.ts'
import type { BuildMode } from '../build/build-job.ts'
import { makeCall, readPaths, writeOne } from './call.ts'

const modes: readonly BuildMode[] = ['normal', 'repair', 'check']

export const buildThings = makeCall<{ things: readonly string[]; mode: BuildMode }, void>({
  read: async (wire) => {
    const things = await readPaths(wire)
    const mode = wire.minor >= 15 ? modes[await wire.reader.int()] : 'normal'
    if (!mode) throw new ToolError('WIRE_INVALID', { reason: 'unknown build mode' })
    if (mode === 'repair' && !wire.session.trusted) {
      throw new ToolError('STORE_REFUSED', { reason: 'repairing is a privileged operation' })
    }
    return { things, mode }
  },
  run: (session, { things, mode }) => build(session, things, mode),
  write: writeOne,
})
