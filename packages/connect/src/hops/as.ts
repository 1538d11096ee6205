// `connect as USER`: another user of the machine, in the way that the connection beneath allows.
import { secretOptions } from '@plumbline/common/secret/secret-options'
import { canChange } from '../agent/open-changed.ts'
import { kept, type Hop } from '../hop.ts'
import { requireUsers } from '../operands.ts'
import { openSetuid } from './setuid.ts'
import { openSu } from './su.ts'

export const as: Hop = {
  command: {
    operands: 'USER',
    describe: 'another user: setuid on an agent that runs as root, else su',
    options: secretOptions('password'),
  },
  targets: (args) => requireUsers(args),
  keeps: kept.root,
  open: (context) => {
    if (canChange(context.lower)) return openSetuid(context)
    context.diagnose(`as:${context.target}: using su, as there is no agent beneath`)
    return openSu(context, context.target)
  },
}
