// POSIX sh quoting (XCU 2.2.2): a word that the shell reads back as exactly the same bytes.
// Pure: no I/O.

const plain = /^[A-Za-z0-9_@%+=:,./-]+$/

/** One word. A NUL cannot be in an argument of any process, so it is refused. */
export function quoteWord(word: string): string {
  if (word.includes('\0')) throw new TypeError('a word of a command cannot hold a NUL byte')
  if (plain.test(word) && !/^[^/]*=/.test(word)) return word
  return `'${word.replaceAll("'", `'\\''`)}'`
}

/** Words joined to one command. */
export function quoteCommand(argv: readonly string[]): string {
  return argv.map(quoteWord).join(' ')
}
