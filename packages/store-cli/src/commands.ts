// The commands: what each does, its options, and the code that does it.
import type { Command, OptionTable } from '@plumbline/common/cli/option-table'
import type { Context } from './context.ts'

export type Run = (context: Context) => Promise<void>

const everywhere = {
  socket: {
    type: 'string',
    argument: 'ADDRESS',
    describe: 'file name, unix://, guix://HOST[:PORT], ssh://HOST',
  },
  'ssh-config': { type: 'string', argument: 'FILE', describe: 'settings of ssh, in place of ~/.ssh/config' },
  json: { type: 'boolean', describe: 'records also on a terminal' },
  quiet: { type: 'boolean', alias: 'q', describe: "do not pass on the daemon's messages" },
} as const satisfies OptionTable

const names = {
  null: { type: 'boolean', alias: '0', describe: 'names on standard input end with NUL' },
} as const

const servers = {
  'substitute-urls': { type: 'string', argument: 'URLS', describe: "servers, in place of the daemon's" },
} as const

const make = (operands: string, describe: string, options: OptionTable = {}): Command => ({
  operands,
  describe,
  options: { ...everywhere, ...options },
})
const paths = (describe: string) => make('[PATH…]', describe, names)

export const commands: Readonly<Record<string, Command>> = {
  valid: paths('say whether each path is valid'),
  'path-info': paths('all that the store knows about each path'),
  hash: paths('the hash of each path'),
  references: paths('what each path refers to'),
  referrers: paths('what refers to each path'),
  requisites: paths('all that the paths need, themselves included'),
  topo: paths('the same, each after what it refers to'),
  deriver: paths('the derivation that made each path'),
  derivers: paths('the valid derivations that would make each path'),
  outputs: paths('the outputs of each derivation'),
  'from-hash-part': make('[HASH…]', 'the path of each 32-digit hash', names),
  add: make('[FILE…]', 'add files and trees', {
    ...names,
    name: { type: 'string', argument: 'NAME', describe: "name of the item (default: the file's)" },
    flat: { type: 'boolean', describe: 'hash the contents of a file, not its nar' },
    hash: { type: 'string', argument: 'ALGORITHM', describe: 'hash with this algorithm (default sha256)' },
  }),
  'add-text': make('NAME', 'add the text on standard input', {
    reference: { type: 'string', argument: 'PATH', repeat: true, describe: 'the text refers to this path' },
  }),
  roots: make('', 'list the roots'),
  'add-root': make('LINK PATH', 'make LINK a symlink to PATH, and a root'),
  gc: make('[PATH…]', 'collect garbage', {
    ...names,
    live: { type: 'boolean', describe: 'list what is alive' },
    dead: { type: 'boolean', describe: 'list what is dead' },
    delete: { type: 'boolean', describe: 'delete these paths' },
    why: { type: 'boolean', describe: 'say which root keeps PATH alive, and through what' },
    'max-freed': { type: 'string', argument: 'SIZE', describe: 'stop when that much has been freed' },
    'keep-dead': { type: 'string', argument: 'DURATION', describe: 'keep what died less than that ago' },
  }),
  verify: make('', 'check that what is valid is there', {
    contents: { type: 'boolean', describe: 'and that it is what was registered' },
    repair: { type: 'boolean', describe: 'and repair what is not' },
    from: {
      type: 'string',
      argument: 'PATH',
      describe: 'go on after this path, which an interrupted run named',
    },
  }),
  optimise: make('', 'link equal files to each other'),
  export: make('[PATH…]', 'write items to standard output', {
    ...names,
    requisites: { type: 'boolean', describe: 'with all that they need' },
    unsigned: { type: 'boolean', describe: 'without signatures' },
  }),
  import: make('', 'read items from standard input'),
  publish: make('DIR [PATH…]', 'make DIR a place to get substitutes of items from, with all that they need', {
    ...names,
    compression: {
      type: 'string',
      argument: 'gzip|none',
      repeat: true,
      describe: 'how to compress them (default gzip)',
    },
    'signing-key': {
      type: 'string',
      argument: 'FILE',
      describe: "secret key to sign with (default: this machine's)",
    },
  }),
  substitutes: make('[PATH…]', 'say which paths substitute servers offer', { ...names, ...servers }),
  ensure: make('[PATH…]', 'get substitutes of paths that are not valid', { ...names, ...servers }),
  build: make('[PATH…]', 'build derivations (DRV, DRV!OUTPUT), or get substitutes', {
    ...names,
    check: { type: 'boolean', describe: 'build again what is there, and compare' },
    repair: { type: 'boolean', describe: 'mend what is not as it was registered' },
    'keep-going': { type: 'boolean', alias: 'k', describe: 'go on when a build has failed' },
    'keep-failed': { type: 'boolean', alias: 'K', describe: 'keep the directories of failed builds' },
    fallback: { type: 'boolean', describe: 'build what cannot be downloaded' },
    'no-substitutes': { type: 'boolean', describe: 'download nothing' },
    rounds: { type: 'string', argument: 'N', describe: 'build N times, and compare' },
    'max-jobs': { type: 'string', alias: 'M', argument: 'N', describe: 'builds at a time' },
    cores: { type: 'string', alias: 'c', argument: 'N', describe: 'cores for each build' },
    timeout: { type: 'string', argument: 'SECONDS', describe: 'fail builds that take longer' },
    'max-silent-time': {
      type: 'string',
      argument: 'SECONDS',
      describe: 'fail builds that are silent for longer',
    },
    'dry-run': { type: 'boolean', alias: 'n', describe: 'say what would be built and downloaded' },
  }),
  log: make('PATH', 'what the build of a derivation, or of PATH, printed', {
    follow: { type: 'boolean', alias: 'f', describe: 'go on until the build that is running ends' },
  }),
  graph: make('[PATH…]', 'what refers to what among all that the paths need', {
    ...names,
    dot: { type: 'boolean', describe: 'for Graphviz' },
    svg: { type: 'boolean', describe: 'as a picture' },
  }),
  derivation: make('[PATH…]', 'show derivations as records', {
    ...names,
    make: { type: 'boolean', describe: 'make them from records on standard input' },
  }),
  ping: make('', 'see whether a daemon answers'),
}

const eachPath = async () => (await import('./commands/each-path.ts')).answerEachPath
const closure = async () => (await import('./commands/closure.ts')).showClosure

/** Loaded when it is its turn. */
export const runners: Readonly<Record<string, () => Promise<Run>>> = {
  valid: eachPath,
  'path-info': eachPath,
  hash: eachPath,
  references: eachPath,
  referrers: eachPath,
  requisites: closure,
  topo: closure,
  deriver: eachPath,
  derivers: eachPath,
  outputs: eachPath,
  'from-hash-part': eachPath,
  add: async () => (await import('./commands/add.ts')).add,
  'add-text': async () => (await import('./commands/add-text.ts')).addText,
  roots: async () => (await import('./commands/roots.ts')).listRoots,
  'add-root': async () => (await import('./commands/roots.ts')).addRoot,
  gc: async () => (await import('./commands/gc.ts')).gc,
  verify: async () => (await import('./commands/maintain.ts')).verify,
  optimise: async () => (await import('./commands/maintain.ts')).optimise,
  export: async () => (await import('./commands/transfer.ts')).exportItems,
  import: async () => (await import('./commands/transfer.ts')).importItems,
  publish: async () => (await import('./commands/publish.ts')).publish,
  substitutes: async () => (await import('./commands/substitutes.ts')).listSubstitutes,
  ensure: async () => (await import('./commands/substitutes.ts')).ensurePaths,
  build: async () => (await import('./commands/build.ts')).build,
  log: async () => (await import('./commands/log.ts')).showLog,
  graph: async () => (await import('./commands/graph.ts')).showGraph,
  derivation: async () => (await import('./commands/derivation.ts')).derivation,
  ping: async () => (await import('./commands/maintain.ts')).ping,
}
