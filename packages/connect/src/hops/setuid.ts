// `connect setuid USER`: another user, without asking PAM or a login shell: a fresh agent that changes its ids.
import { keepaliveOption, requireOperand } from '../agent/hop-command.ts'
import { openChanged } from '../agent/open-changed.ts'
import type { Hop } from '../hop.ts'

export const setuid: Hop = {
  command: { operands: 'USER', describe: 'another user, from an agent of root', options: keepaliveOption },
  targets: requireOperand('setuid', 'a user'),
  open: (context) =>
    openChanged(context, `setuid:${context.target}`, { change: 'setuid', user: context.target }),
}
