// The shell that a connection keeps alive on the far side, to end what runs there: on request, and by itself when
// its standard input ends, because whoever held the other end has gone.
//
// sshd leaves a command running when the connection drops, and a process of another user cannot be signalled from
// below; so every hop keeps one lifeline of its own, with the rights that its commands have. It knows the commands
// by the token in their argument lists. That needs nothing to be written down there, and leaves no moment in which
// a command runs that nobody will end.
// Pure: no I/O.
import { quoteWord } from '../process/quote.ts'
import { formatHeader, formatIsThere } from './boot.ts'

/** Tenths of a second between TERM and KILL. */
const grace = 20

// `pl_end GROUP`: TERM and "told GROUP", KILL when that has not helped in time, and "gone GROUP" when nothing of it is
// left. A group of zombies still takes signals, so where /proc is, only what is not one counts. The form `kill -TERM -GROUP` is
// the one that dash, bash and busybox agree on. A sleep(1) that takes no fraction sleeps a second at a time.
const endGroup =
  'pl_on() { kill -0 -$1 || return; [ -r /proc/self/stat ] || return 0; ' +
  'grep -q ") [^ZX] [0-9]* $1 " /proc/[0-9]*/stat; }; ' +
  'pl_wait() { pl_i=0; while pl_on $1 && [ $pl_i -lt ' +
  `${grace} ]; do sleep 0.1 || sleep 1; pl_i=$((pl_i+1)); done; }; ` +
  'pl_end() { trap "" HUP INT TERM; kill -TERM -$1; echo "told $1"; pl_wait $1; kill -KILL -$1 && pl_wait $1; echo "gone $1"; }'

// One id(1) for both (POSIX XCU: "uid=%u(%s) gid=…", without the name where there is none).
/** Prints user, uid and home; `home` from the password database when the hop changed the user. */
const facts = (changedUser: boolean) =>
  'pl_u=$(id); pl_d=${pl_u#uid=}; pl_d=${pl_d%%[( ]*}; pl_u=${pl_u#"uid=$pl_d"}; ' +
  'case $pl_u in "("*) pl_u=${pl_u#"("}; pl_u=${pl_u%%") gid="*} ;; *) pl_u=$pl_d ;; esac; ' +
  'printf "%s\\n%s\\n" "$pl_u" "$pl_d"; ' +
  (changedUser
    ? 'case $pl_u in *[!A-Za-z0-9._-]*|"") pl_h=$HOME ;; *) eval "pl_h=~$pl_u" ;; esac; '
    : 'pl_h=$HOME; ') +
  'case $pl_h in /*) ;; *) pl_h=/ ;; esac; HOME=$pl_h; export HOME; printf "%s\\n\\n" "$pl_h"'

/** Where the place is known, no process is spent on asking. */
const noFacts = 'printf "\\n\\n"'

export type LifelineOptions = { changedUser: boolean; tellsPlace: boolean }

// Every group once: a second TERM would hit what the first one made it do to clean up.
// grep(1) finds its own argument list as well, and the lifeline's; both are in the lifeline's process group.
// Any user there may see the token, have it in an argument list, and give the process any name, with blanks and
// numbers: its group is told behind the last bracket of stat. To end group 1 would be to end everything (kill(2)).
const sweep = (token: string) =>
  'if [ -r /proc/self/cmdline ]; then ' +
  `for pl_p in $(grep -l ${token} /proc/[0-9]*/cmdline); do ` +
  '{ IFS= read -r pl_r <${pl_p%/cmdline}/stat; } && pl_r=${pl_r##*) } && pl_r=${pl_r#* * } && echo ${pl_r%% *}; done; ' +
  `else ps -A -o pgid= -o args= | grep ${token} | sed "s/^ *//;s/ .*//"; fi | sort -u | ` +
  '{ while read -r pl_e; do [ "$pl_e" = "$pl_g" ] || { [ "$pl_e" -gt 1 ] && pl_end $pl_e; } & done; wait; }'

// su(1) passes TERM on to its child, and KILL to that alone two seconds later; so it is another that sweeps. That one
// waits until this one is there no more, since by then no BOOT begins anything (formatRun).
const leave = (token: string) =>
  'pl_leave() { trap "" HUP INT TERM PIPE; { pl_i=0; ' +
  `while ${formatIsThere('$$')} && [ $pl_i -lt ${grace} ]; do sleep 0.1 || sleep 1; pl_i=$((pl_i+1)); done; ` +
  `${sweep(token)}; } & exit; }; trap pl_leave HUP INT TERM`

// Only a line with the token is for it: where a hop sends a password that nobody asks for, it arrives here.
const obey = (token: string) =>
  `while IFS= read -r pl_l; do case $pl_l in ${token}*) eval "\${pl_l#${token}}" ;; esac; done`

/**
 * The lifeline's text, in one line. After the facts its output is a line "told GROUP" and a line "gone GROUP" for
 * each one ended. Unless the user is another, it holds nothing that a csh or fish reads otherwise inside single quotes, like BOOT.
 */
export function formatLifeline(token: string, { changedUser, tellsPlace }: LifelineOptions): string {
  return (
    `trap "" HUP INT TERM PIPE; ${formatHeader(token)}; ${tellsPlace ? facts(changedUser) : noFacts}; ${endGroup}; ` +
    `if [ -c /dev/null ]; then exec 2>/dev/null; else exec 2>&-; fi; cd /; ${leave(token)}; ${obey(token)}; pl_leave`
  )
}

/** A request to the lifeline to end a process group. */
export function formatEnd(token: string, group: number): string {
  return `${token}pl_end ${group} &\n`
}

/** A request to remove a file when the lifeline ends, whatever ends it. A name may hold newlines, a request none. */
export function formatRemoval(token: string, path: string): string {
  const word = quoteWord(path).replaceAll('\n', `'"$pl_n"'`)
  return `${token}pl_n=$(printf "\\n."); pl_n=\${pl_n%.}; pl_f="$pl_f "${quoteWord(word)}; trap 'eval "rm -f -- $pl_f"' EXIT\n`
}

/** What was to be removed has another name by now. */
export function formatNoRemoval(token: string): string {
  return `${token}pl_f=; trap - EXIT\n`
}

/** A request to end, when nothing runs any more that would have to be looked for. */
export function formatLeave(token: string): string {
  return `${token}wait; exit 0\n`
}
