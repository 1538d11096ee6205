// How content that is fetched on this machine is called.
//
//   data    = SOURCE ":" ITEM | path             a path that looks like the former is written ./path
//   SOURCE  = "file" | "files-tree" | "git" | "gpg" | "pass" | "env" | "command"
//
// Pure: no I/O.

/** What ITEM is; and whether what it gives is a secret, which is never shown and readable by its owner only. */
export const dataSources = {
  file: { item: 'a path, relative to the site file', isSecret: false },
  'files-tree': { item: 'a directory with a file HOST/PATH, or _all/PATH for every host', isSecret: false },
  git: {
    item: 'a repository, with "#" and a revision where it is not HEAD: a tar of its files',
    isSecret: false,
  },
  gpg: { item: 'a file that gpg(1) can decrypt', isSecret: true },
  pass: { item: 'a name in the store of pass(1)', isSecret: true },
  env: { item: 'a variable of the environment', isSecret: true },
  command: { item: 'text for sh, which prints it', isSecret: true },
} as const satisfies Record<string, { item: string; isSecret: boolean }>

export type DataSource = keyof typeof dataSources

export type DataName = { source: DataSource; item: string }

export function parseDataName(text: string): DataName {
  const [, source = '', item = ''] = /^([a-z-]+):(.*)$/s.exec(text) ?? []
  return Object.hasOwn(dataSources, source)
    ? { source: source as DataSource, item }
    : { source: 'file', item: text }
}

/** A command may hold anything, a secret even. */
export function describeData(text: string): string {
  const { source } = parseDataName(text)
  return source === 'command' ? 'what a command prints' : text
}
