// `connect chroot.fork DIRECTORY`: another root directory, with or without a Node in it: a fresh agent in a mount
// namespace of its own.
import { ToolError } from '@plumbline/common/error/tool-error'
import { keepaliveOption, requireOperand } from '../agent/hop-command.ts'
import { openChanged } from '../agent/open-changed.ts'
import type { Hop } from '../hop.ts'

export const chrootFork: Hop = {
  command: {
    operands: 'DIRECTORY',
    describe: 'another root directory, from an agent of root',
    options: keepaliveOption,
  },
  targets: (args) => {
    const [directory = ''] = requireOperand('chroot.fork', 'a directory')(args)
    if (directory.startsWith('/')) return [directory]
    throw new ToolError('USAGE', { reason: `connect chroot.fork needs an absolute path, not "${directory}"` })
  },
  open: (context) =>
    openChanged(context, `chroot.fork:${context.target}`, { change: 'chroot', directory: context.target }),
}
