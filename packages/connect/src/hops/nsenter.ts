// `connect nsenter PID`: the namespaces and root directory of a process, through nsenter(1).
import { ToolError } from '@plumbline/common/error/tool-error'
import { enterNamespaces, idOptions, parseIds } from '../enter-namespaces.ts'
import { kept, type Hop } from '../hop.ts'
import { requireOperands } from '../operands.ts'

export const nsenter: Hop = {
  command: {
    operands: 'PID…',
    describe: 'the namespaces of a process, with its root directory and environment, through nsenter',
    options: idOptions,
  },
  targets: (args) => {
    parseIds(args)
    const pids = requireOperands(args, 'a process id')
    const wrong = pids.find((pid) => !/^[1-9]\d{0,9}$/.test(pid))
    if (wrong === undefined) return pids
    throw new ToolError('USAGE', { reason: `A process id is a number, not "${wrong}"` })
  },
  keeps: kept.kernel,
  open: (context) =>
    enterNamespaces(context, { label: `nsenter:${context.target}`, find: `pl_p=${context.target}` }),
}
