// The few lines of POSIX sh through which every command of a connection goes, and what is sent to them.
//
//   started as   /bin/sh -c BOOT plumbline
//   stdin        { any line } TOKEN code LF [ command of exactly N bytes ] { bytes for the command }
//   stdout       { noise of a login shell } LF TOKEN SP process-group SP pid LF { bytes of the command }
//   stderr       { noise }                  LF TOKEN LF               { bytes of the command }
//
// BOOT is constant, so a hop that starts it through another shell quotes a short text once, whatever it will run;
// the command itself follows as data. BOOT holds no newline, quote, exclamation mark or backslash, so csh and fish
// pass it on inside single quotes like any other shell. read(1) takes its line byte by byte and nothing after it
// (POSIX XCU read), so the rest of the stream is the command's own standard input.
// Pure: no I/O.
import { encodeText } from '../process/byte-text.ts'
import { quoteCommand, quoteWord } from '../process/quote.ts'
import { ToolError } from '../error/tool-error.ts'
import type { RunRequest } from './connection.ts'

export function formatBoot(token: string): string {
  return (
    `while IFS= read -r pl_l; do case $pl_l in ${token}*) eval "\${pl_l#${token}}"; exit $?;; esac; done; ` +
    'exit 125'
  )
}

/** What ps shows for a shell of ours. */
export const shellName = 'plumbline'

/** The command that starts a shell with this text. */
export function formatShellCommand(text: string): string {
  return quoteCommand(['/bin/sh', '-c', text, shellName])
}

// The process group is what a cancel has to signal. Without /proc or ps the shell's own pid is a fair guess: sshd
// and sudo's use_pty make it the leader. In a process namespace whose group was made outside, the group is 0, and to
// signal that would be to signal the one who asks; group 1, that of a container's first process, is for kill(1) everything.
const findGroup =
  '{ read -r pl_a pl_b pl_c pl_d pl_g pl_r </proc/$$/stat; } 2>&- || pl_g=$(ps -o pgid= -p $$ 2>&-); ' +
  'case $pl_g in ""|0|1) pl_g=$$ ;; esac'

export function formatHeader(token: string): string {
  return `${findGroup}; printf "\\n%s %s %s\\n" ${token} $pl_g $$; printf "\\n%s\\n" ${token} >&2`
}

/**
 * Succeeds while a process of the same user is there. One that has ended can be a zombie for long where nobody but init
 * takes it; without /proc it then counts as being there.
 */
export function formatIsThere(pid: number | '$$'): string {
  const state = `{ read -r pl_a pl_b pl_c pl_r </proc/${pid}/stat; } 2>&- || pl_c=`
  return `{ ${state}; case $pl_c in [ZX]) false ;; *) kill -0 ${pid} 2>&- ;; esac; }`
}

/** Longer commands are sent as a block, which dd(1) reads at once; read(1) costs a system call a byte. */
const longestLine = 4096

/**
 * What makes BOOT run the request, unless process `lifeline` has gone: what is to be ended is looked for after that, and
 * a BOOT that was long in coming must not run what waits for it. Throws USAGE for a command that no shell can be given.
 */
export function formatRun(
  token: string,
  { command, cwd, env = {} }: RunRequest,
  { home, lifeline }: { home?: string | undefined; lifeline?: number | undefined } = {},
): Buffer {
  if (command.includes('\0')) throw new ToolError('USAGE', { reason: 'A command cannot hold a NUL byte' })
  // Of the environment that a hop passes on, HOME is what is wrong most often: after su, in a chroot.
  const variables = { ...(home !== undefined && { HOME: home }), ...env }
  const setUp = [...Object.entries(variables).map(formatVariable), ...formatDirectory(cwd, home)]
  const check = lifeline === undefined ? [] : [`${formatIsThere(lifeline)} || exit 125`]
  const before = [...check, formatHeader(token), ...setUp].map((step) => `${step}; `).join('')
  // The subshell keeps BOOT alive, and findable by its name, while a command such as `exec sleep 60` runs.
  if (Buffer.byteLength(command) <= longestLine) {
    const { newline, word } = quoteLine(command)
    return encodeText(`${token}${before}${newline}( eval ${word} )\n`)
  }
  const block = encodeText(command + token)
  // A dd(1) that does not know iflag has read nothing; alone in its substitution, it takes the place of the subshell.
  const read = ['count=1 iflag=fullblock bs', 'bs=1 count']
    .map((operands) => `pl_s=$(dd ${operands}=${block.length} 2>/dev/null)`)
    .join(' || ')
  // A block that was cut off, because whoever sent it is gone, must not run.
  const run = `case $pl_s in *${token}) ( eval "\${pl_s%${token}}" ) ;; *) exit 125 ;; esac`
  return Buffer.concat([encodeText(`${token}${before}${read}; ${run}\n`), block])
}

/** One line of shell that has the command's text as a single word; IFS starts as space, tab, newline. */
function quoteLine(command: string): { newline: string; word: string } {
  const word = quoteWord(command)
  if (!word.includes('\n')) return { newline: '', word }
  return { newline: 'pl_n=${IFS#??}; pl_n=${pl_n%"${pl_n#?}"}; ', word: word.replaceAll('\n', `'"$pl_n"'`) }
}

function formatVariable([name, value]: [string, string | null]): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw new ToolError('USAGE', { reason: `"${name}" cannot be the name of an environment variable` })
  }
  if (value === null) return `unset -v ${name}`
  const { newline, word } = quoteLine(value)
  return `${newline}${name}=${word}; export ${name}`
}

/** A directory that was asked for must be there; a missing home is no reason not to work. */
function formatDirectory(cwd: string | undefined, home: string | undefined): string[] {
  if (cwd !== undefined) {
    const { newline, word } = quoteLine(cwd)
    return [`${newline}cd -- ${word} || exit 126`]
  }
  if (home === undefined) return []
  const { newline, word } = quoteLine(home)
  return [`${newline}cd -- ${word} 2>&- || cd /`]
}
