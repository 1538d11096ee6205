// `connect machine NAME`: a container or virtual machine that systemd-machined(8) knows of.
import { quoteCommand } from '@plumbline/common/process/quote'
import { enterContainer, idOptions, parseIds } from '../enter-namespaces.ts'
import { kept, type Hop } from '../hop.ts'
import { requireNames } from '../operands.ts'

export const machine: Hop = {
  command: {
    operands: 'NAME…',
    describe: 'containers that systemd-machined knows: the namespaces of their first process',
    options: idOptions,
  },
  targets: (args) => {
    parseIds(args)
    return requireNames(args, 'a machine')
  },
  namesHosts: true,
  keeps: kept.kernel,
  open: (context) => {
    const { target: name } = context
    const ask = quoteCommand(['machinectl', 'show', '--property=Leader', '--value', name])
    return enterContainer(context, { label: `machine:${name}`, host: name, find: `pl_p=$(${ask}) || exit` })
  },
}
