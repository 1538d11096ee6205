// readfile and writefile as POSIX sh: one command each, no helper there but cat, ls, chmod, chown, mv, wc.
// Pure: no I/O.
import { dirname } from 'node:path/posix'
import { quoteWord } from '../process/quote.ts'
import type { WriteOptions } from './connection.ts'

/** Exit statuses of the commands below that have a meaning of their own. */
export const fileStatus = { notFound: 66, unreadable: 77, unwritable: 73, short: 74 } as const

/** A leading dash must not become an option of anything. */
const operand = (path: string) => quoteWord(path.startsWith('-') ? `./${path}` : path)

export function formatRead(path: string): string {
  const file = operand(path)
  return (
    `[ -e ${file} ] || exit ${fileStatus.notFound}; ` +
    `if [ ! -r ${file} ]; then echo "permission denied" >&2; exit ${fileStatus.unreadable}; fi; ` +
    `if [ -d ${file} ]; then echo "Is a directory" >&2; exit ${fileStatus.unreadable}; fi; exec cat <${file}`
  )
}

/**
 * Takes the content from standard input into a file beside the target and renames it over the target. The file is
 * made exclusively (noclobber: a link that waits there under its name is not followed) with mode 0600, and gets the
 * mode asked for, or that of the file it replaces, only when it is complete; all through one descriptor, since whoever
 * may write in the directory can put a link in its place. Complete is what has `bytes` bytes, or, where they are not
 * known, blocks (formatBlock) to the empty one: the end of input alone may be that of the connection.
 */
export function formatWrite(path: string, temporary: string, { mode, bytes }: WriteOptions): string {
  const file = operand(path)
  const part = operand(temporary)
  const fail = `exit ${fileStatus.unwritable}`
  return [
    'umask 077',
    `if [ -d ${file} ]; then echo "Is a directory" >&2; ${fail}; fi`,
    // As root, a rename would put a file in the place of /dev/null.
    `if [ -e ${file} ] && [ ! -f ${file} ]; then echo "it is not a regular file" >&2; ${fail}; fi`,
    `if [ ! -d ${operand(dirname(path))} ]; then echo "there is no such directory" >&2; ${fail}; fi`,
    // Whoever ends us may signal again, and rm with us.
    `trap ${quoteWord(`trap '' HUP INT PIPE TERM; rm -f -- ${part}`)} EXIT`,
    `trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 141' PIPE; trap 'exit 143' TERM`,
    `set -C; command exec 3>${part} || ${fail}; set +C`,
    formatPin(part),
    ...(bytes === undefined ? takeBlocks : takeBytes(bytes)),
    mode === undefined ? formatKeepPinned(path) : `chmod ${quoteWord(mode)} "$pl_f" || ${fail}`,
    'exec 3>&-',
    `mv -f -- ${part} ${file} || ${fail}`,
    'trap - EXIT',
  ].join('\n')
}

/** A block of content of unknown length: its size in a line, then its bytes; the empty block ends the content. */
export function formatBlock(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length}\n`), bytes])
}

const takeBytes = (bytes: number) => [
  `cat >&3 || exit ${fileStatus.unwritable}`,
  `pl_w=$(wc -c <"$pl_f") && [ "$pl_w" -eq ${bytes} ] || exit ${fileStatus.short}`,
]

// dd(1) reads exactly one block where it knows fullblock (GNU, busybox, toybox), and byte by byte elsewhere.
const takeBlocks = [
  'pl_d() { dd bs="$1" count=1 iflag=fullblock 2>/dev/null; }',
  'dd if=/dev/null bs=1 count=1 iflag=fullblock 2>/dev/null || pl_d() { dd bs=1 count="$1" 2>/dev/null; }',
  `while IFS= read -r pl_n && [ "$pl_n" -gt 0 ]; do pl_d "$pl_n" || exit ${fileStatus.unwritable}; done >&3`,
  `[ "$pl_n" = 0 ] || exit ${fileStatus.short}`,
]

/** Sets pl_f to what leads to descriptor 3, or is its name, and then pl_h. A ksh keeps its descriptors to itself. */
const formatPin = (part: string) =>
  `pl_f=/proc/self/fd/3 pl_h=; if [ "\${KSH_VERSION-}" ] || [ ! -f $pl_f ]; then pl_f=${part} pl_h=-h; fi`

/** Gives `temporary`, which has this inode unless it has been replaced, the access that `path` has. */
export function formatKeep(path: string, temporary: string, inode: bigint): string {
  const part = operand(temporary)
  const fail = `exit ${fileStatus.unwritable}`
  return `command exec 3<${part} || ${fail}; ${formatPin(part)}
set -- $(ls -diL -- "$pl_f"); [ "$1" = ${inode} ] || ${fail}
${formatKeepPinned(path)}`
}

/**
 * Gives what is pinned the access that `path` has. stat(1) is not POSIX; the fields of ls -ldn are. The owner is kept
 * where the user may do so. Where there is an access list, the bits of the group are those of its mask: without the
 * list, the group would gain them.
 */
function formatKeepPinned(path: string): string {
  const file = operand(path)
  const fail = `exit ${fileStatus.unwritable}`
  return `if [ -f ${file} ]; then
  set -- $(LC_ALL=C ls -ldnL ${file})
  chown $pl_h "$3:$4" "$pl_f" 2>/dev/null || chgrp $pl_h "$4" "$pl_f" 2>/dev/null
  pl_m=$(echo "$1" | sed 's/^.\\(...\\)\\(...\\)\\(...\\).*/u=\\1,g=\\2,o=\\3/;s/-//g;s/s/xs/g;s/S/s/g;s/t/x/;s/T//')
  chmod "$pl_m" "$pl_f" || ${fail}
  case $1 in *+) cp --attributes-only --preserve=mode -- ${file} "$pl_f" || ${fail} ;; esac
else chmod 644 "$pl_f" || ${fail}; fi`
}
