// `connect chroot DIRECTORY`: another root directory, in the way that the connection beneath allows.
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
  open: (context) => {
    if (canChange(context.lower)) return openChrootFork(context)
    context.diagnose(`chroot:${context.target}: using chroot.shell, as there is no agent beneath`)
    return openChrootShell(context)
  },
}
