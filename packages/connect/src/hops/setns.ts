// `connect setns PID…`: the namespaces of a process, a container's first one say: a fresh agent enters them all. Its
// control group stays the agent's, as with nsenter(1).
import type { Arguments } from '@plumbline/common/cli/option-table'
import { makeToken } from '@plumbline/common/connection/token'
import { ToolError } from '@plumbline/common/error/tool-error'
import { keepaliveOption, parseKeepalive } from '../agent/hop-command.ts'
import { openChanged } from '../agent/open-changed.ts'
import { kept, type Hop, type HopContext, type OpenedHop } from '../hop.ts'
import { requireOperands } from '../operands.ts'

export const setns: Hop = {
  command: {
    operands: 'PID…',
    describe: 'the namespaces of a process, from an agent of root',
    options: {
      uid: { type: 'string', argument: 'N', describe: 'user id there', default: '0' },
      gid: { type: 'string', argument: 'N', describe: 'group id there', default: '0' },
      ...keepaliveOption,
    },
  },
  targets: (args) => {
    parseKeepalive(args)
    idsOf(args)
    return requireOperands(args, 'a process id').map((pid) => String(parseNumber(pid, 'A process id')))
  },
  keeps: kept.kernel,
  open: openSetns,
}

function openSetns(context: HopContext): Promise<OpenedHop> {
  const { target, arguments: args } = context
  return openChanged(context, `setns:${target}`, {
    change: 'setns',
    pid: Number(target),
    key: makeToken(),
    ...idsOf(args),
  })
}

function idsOf({ values }: Arguments): { uid: number; gid: number } {
  const [uid = '0'] = values['uid'] ?? []
  const [gid = '0'] = values['gid'] ?? []
  return { uid: parseNumber(uid, '--uid'), gid: parseNumber(gid, '--gid') }
}

function parseNumber(text: string, what: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text)
  throw new ToolError('USAGE', { reason: `${what} is a number, not "${text}"` })
}
