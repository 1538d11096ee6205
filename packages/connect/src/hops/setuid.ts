// `connect setuid USER…`: another user, without asking PAM or a login shell: a fresh agent that changes its ids.
import { keepaliveOption, parseKeepalive } from '../agent/hop-command.ts'
import { openChanged } from '../agent/open-changed.ts'
import { kept, type Hop, type HopContext, type OpenedHop } from '../hop.ts'
import { requireUsers } from '../operands.ts'

export const setuid: Hop = {
  command: { operands: 'USER…', describe: 'another user, from an agent of root', options: keepaliveOption },
  targets: (args) => {
    parseKeepalive(args)
    return requireUsers(args)
  },
  keeps: kept.root,
  open: openSetuid,
}

export function openSetuid(context: HopContext): Promise<OpenedHop> {
  const { target: user } = context
  return openChanged(context, `setuid:${user}`, { change: 'setuid', user })
}
