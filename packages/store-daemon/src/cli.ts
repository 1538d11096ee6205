// The command line of `store-daemon`.
import type { Program } from '@plumbline/common/cli/run-tool'
import type { OptionTable } from '@plumbline/common/cli/option-table'
import { buildOptions } from './build/build-options.ts'

const yesNo = ['yes', 'no']

const options = {
  store: { type: 'string', argument: 'DIR', describe: 'directory of the items (default /gnu/store)' },
  state: { type: 'string', argument: 'DIR', describe: 'directory of database and roots (default /var/guix)' },
  listen: {
    type: 'string',
    argument: 'SOCKET',
    repeat: true,
    describe: 'listen on a file name, HOST or HOST:PORT, in place of STATE/daemon-socket/socket',
  },
  stdio: { type: 'boolean', describe: 'serve one connection on standard input and output' },
  'build-users-group': { type: 'string', argument: 'GROUP', describe: 'group that owns the store' },
  'no-substitutes': { type: 'boolean', describe: 'do not use substitutes' },
  'substitute-urls': {
    type: 'string',
    argument: 'URLS',
    describe: 'servers to get substitutes from, separated by spaces',
  },
  'disable-deduplication': { type: 'boolean', describe: 'do not link equal files to each other' },
  'disable-store-optimization': { type: 'boolean', describe: 'the same' },
  'gc-keep-outputs': {
    type: 'boolean',
    optionalArgument: yesNo,
    describe: 'keep the outputs of derivations that are alive (default no)',
  },
  'gc-keep-derivations': {
    type: 'boolean',
    optionalArgument: yesNo,
    describe: 'keep the derivations of outputs that are alive (default yes)',
  },
  discover: {
    type: 'boolean',
    optionalArgument: yesNo,
    describe: 'find substitute servers in the local network: not possible, only no is taken',
  },
  ...buildOptions,
  debug: { type: 'boolean', describe: 'tell of each connection on standard error' },
} as const satisfies OptionTable

export const program: Program = {
  line: {
    program: 'store-daemon',
    describe: 'Owns a store: a directory of immutable items, and the database that says which are valid.',
    commands: { '': { operands: '', describe: '', options } },
    examples: [
      ['store-daemon', 'as root: serve /gnu/store'],
      ['store-daemon --store ~/store --state ~/state', 'a store of your own'],
      ['ssh HOST store-daemon --stdio', 'what store-cli does for ssh://HOST'],
    ],
  },
  schemas: async () => {
    const { requestSchemas, answerSchemas } = await import('./records/schemas.ts')
    return { reads: requestSchemas, writes: answerSchemas }
  },
  // All but the options is loaded when a daemon is wanted: `--version` and `--help` need none of it.
  run: async (tool) => (await import('./run-daemon.ts')).runDaemon(tool),
}
