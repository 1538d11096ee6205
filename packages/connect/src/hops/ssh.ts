// `connect ssh`: another user of the machine, root unless told otherwise, through ssh(8).
import type { Hop } from '../hop.ts'

export const ssh: Hop = {
  command: { operands: '', describe: 'another user, through ssh', options: {} },
  targets: () => [''],
  open: async () => {
    throw new Error('not yet')
  },
}
