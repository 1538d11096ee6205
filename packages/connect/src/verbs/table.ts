// The verbs for work by hand. Pure: no I/O.
import type { Command } from '@plumbline/common/cli/option-table'

const records = { type: 'boolean', describe: 'write records also for a single connection' } as const
const local = {
  type: 'boolean',
  alias: 'n',
  describe: 'on this machine; standard input is not read',
} as const

export const verbs: Readonly<Record<string, Command>> = {
  exec: {
    operands: '-- COMMAND [ARG…]',
    describe:
      'Runs a command on every connection read. On one connection its output and status are passed on as they are; ' +
      'on several they become records.',
    haltAtOperand: true,
    options: {
      local,
      records,
      input: {
        type: 'string',
        alias: 'i',
        argument: 'FILE',
        describe: 'standard input of the command; with -n, - is that of connect',
      },
      shell: { type: 'boolean', alias: 'c', describe: 'the operand is text for sh' },
    },
  },
  get: {
    operands: 'PATH',
    describe: 'Writes a file of the one connection read to standard output, or one of each to a directory.',
    options: {
      local,
      to: { type: 'string', argument: 'DIRECTORY', describe: 'write DIRECTORY/HOST for each connection' },
    },
  },
  put: {
    operands: 'FILE PATH',
    describe: 'Writes a file of this machine to PATH on every connection read. With -n, - is standard input.',
    options: { local, mode: { type: 'string', argument: 'OCTAL', describe: 'mode of the file, e.g. 0644' } },
  },
  facts: {
    operands: '[FACT…]',
    describe:
      'Writes what is known of the place where each connection read leads: user, uid, gid, home, shell, os, arch, ' +
      'distribution, version, container.',
    options: { local },
  },
  shell: {
    operands: '[-- COMMAND [ARG…]]',
    describe: 'Opens a terminal on the one connection read, with its login shell or a command in it.',
    haltAtOperand: true,
    options: { local },
  },
  list: {
    operands: '',
    describe: 'Writes the record of every connection that is open for this user.',
    options: {},
  },
  close: {
    operands: 'ID…',
    describe: 'Ends open connections, with all that is built on them. The beginning of an id will do.',
    options: {},
  },
}
