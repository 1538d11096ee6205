// `connect chroot.fork DIRECTORY…`: another root directory, with or without a Node in it: a fresh agent in a mount
// namespace of its own.
import { ToolError } from '@plumbline/common/error/tool-error'
import { keepaliveOption, parseKeepalive } from '../agent/hop-command.ts'
import { openChanged } from '../agent/open-changed.ts'
import { kept, type Hop, type HopContext, type OpenedHop } from '../hop.ts'
import { requireOperands } from '../operands.ts'

export const chrootFork: Hop = {
  command: {
    operands: 'DIRECTORY…',
    describe: 'another root directory, from an agent of root; it need not hold Node',
    options: keepaliveOption,
  },
  targets: (args) => {
    parseKeepalive(args)
    return requireOperands(args, 'a directory')
  },
  keeps: kept.machine,
  open: openChrootFork,
}

export function openChrootFork(context: HopContext): Promise<OpenedHop> {
  const { target: directory } = context
  const label = `chroot.fork:${directory}`
  if (!directory.startsWith('/')) throw new ToolError('HOP_NEEDS', { hop: label, needs: 'an absolute path' })
  return openChanged(context, label, { change: 'chroot', directory })
}
