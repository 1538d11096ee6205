// `connect chroot DIRECTORY`: another root directory, in the way that the connection beneath allows.
import { ToolError } from '@plumbline/common/error/tool-error'
import { canChange } from '../agent/open-changed.ts'
import { kept, type Hop } from '../hop.ts'
import { requireOperands } from '../operands.ts'
import { openChrootFork } from './chroot-fork.ts'
import { openChrootShell } from './chroot-shell.ts'

export const chroot: Hop = {
  command: {
    operands: 'DIRECTORY…',
    describe: 'another root directory: chroot.fork on an agent that runs as root, else chroot.shell',
    options: {},
  },
  targets: (args) => requireOperands(args, 'a directory'),
  keeps: kept.machine,
  open: async (context) => {
    const { lower, target, diagnose } = context
    if (!canChange(lower)) {
      diagnose(`chroot:${target}: using chroot.shell, as there is no agent beneath`)
      return openChrootShell(context)
    }
    try {
      return await openChrootFork(context)
    } catch (error) {
      if (!(error instanceof ToolError) || error.code !== 'HOP_NEEDS') throw error
      diagnose(`chroot:${target}: using chroot.shell: ${error.message}`)
      return openChrootShell(context)
    }
  },
}
