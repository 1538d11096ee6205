// How content that is fetched on this machine is called.
//
//   data    = SOURCE ":" ITEM | path             a path that looks like the former is written ./path
//
//   SOURCE        ITEM
//   "file"        a path, relative to the site file
//   "files-tree"  a directory with a file HOST/PATH, or _all/PATH for every host
//   "git"         a repository, with "#" and a revision where it is not HEAD: a tar of its files
//   "gpg"         a file that gpg(1) can decrypt
//   "pass"        a name in the store of pass(1)
//   "env"         a variable of the environment
//   "command"     text for sh, which prints it
//
// Pure: no I/O.

/** Whether what a source gives is a secret, which is never shown and readable by its owner only. */
export const isSecretSource = {
  file: false,
  'files-tree': false,
  git: false,
  gpg: true,
  pass: true,
  env: true,
  command: true,
} as const satisfies Record<string, boolean>

export type DataSource = keyof typeof isSecretSource

export type DataName = { source: DataSource; item: string }

export function parseDataName(text: string): DataName {
  const [, source = '', item = ''] = /^([a-z-]+):(.*)$/s.exec(text) ?? []
  return Object.hasOwn(isSecretSource, source)
    ? { source: source as DataSource, item }
    : { source: 'file', item: text }
}

/** A command may hold anything, a secret even. */
export function describeData(text: string): string {
  const { source } = parseDataName(text)
  return source === 'command' ? 'what a command prints' : text
}
