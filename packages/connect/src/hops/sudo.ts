// `connect sudo`: another user of the machine, root unless told otherwise, through sudo(8).
import type { Hop } from '../hop.ts'

export const sudo: Hop = {
  command: { operands: '', describe: 'another user, through sudo', options: {} },
  targets: () => [''],
  open: async () => {
    throw new Error('not yet')
  },
}
