// `connect wrap -- ARGV…`: any program that runs the command given to it, such as doas, pbrun or kubectl exec.
import { ToolError } from '@plumbline/common/error/tool-error'
import { quoteCommand } from '@plumbline/common/process/quote'
import { enterShell } from '../enter-shell.ts'
import type { Hop } from '../hop.ts'
import { explainMissing } from '../noise.ts'

export const wrap: Hop = {
  command: {
    operands: '-- PROGRAM [ARG…]',
    describe: 'wherever PROGRAM leads, which is given the command as more arguments (doas, kubectl exec)',
    haltAtOperand: true,
    options: {
      text: { type: 'boolean', describe: 'PROGRAM takes the command as one argument of shell text' },
      name: {
        type: 'string',
        argument: 'NAME',
        describe: 'what the hop is called',
        default: 'that of PROGRAM',
      },
    },
  },
  targets: ({ operands }) => {
    if (operands.length === 0) throw new ToolError('USAGE', { reason: 'connect wrap needs a program' })
    return ['']
  },
  open: (context) => {
    const { operands, flags, values } = context.arguments
    const [program = ''] = operands
    const label = `wrap:${values['name']?.[0] ?? program.replace(/^.*\//s, '')}`
    return enterShell(context, {
      label,
      // Of what PROGRAM does nothing is known: it may have a new container for each command.
      isScattered: true,
      wrap: (shellCommand) =>
        flags.has('text')
          ? `exec ${quoteCommand([...operands, `exec ${shellCommand}`])}`
          : `exec ${quoteCommand(operands)} ${shellCommand}`,
      explain: explainMissing(label, `${program}, and /bin/sh where it leads`),
    })
  },
}
