// The shell text that enters the namespaces and the root directory of a process, a container's first one say, with
// its environment.
//
// nsenter(1) is called twice: the first joins all but the mounts, so that setsid(1) and the second one are still
// those of the machine beneath. In a process namespace a command needs a session of its own: the process group that
// it comes with has no number there, and could not be signalled.
//
// The environment is the container's word, so nothing outside runs with it: a descriptor leads in, and the shell
// there reads what is to be exported. It never is in an argument list.
// Pure: no I/O.
import { quoteWord } from '@plumbline/common/process/quote'
import { formatCheck, formatReport, readStart, type EnteredProcess } from './entered-process.ts'

/** Exit statuses: there is no such process; it may not be looked into. */
export const enterStatus = { noProcess: 66, notPermitted: 77 } as const

export type Ids = { uid?: string | undefined; gid?: string | undefined }

/** What a shell sets by itself, or refuses to have set. */
const own = 'IFS|PWD|OLDPWD|PPID|UID|EUID|SHELLOPTS|BASHOPTS|BASH_*|ENV|SHLVL|_|pl_*'

/** Inside: a newline in a value comes as \001, as the entries are told apart by newlines. */
const loadEnvironment = [
  'pl_1=$(printf "\\001")',
  "pl_0='\n'",
  'pl_e=$(tr "\\n\\0" "\\001\\n" <&9)',
  'exec 9<&-',
  'set -f',
  'IFS=$pl_0',
  'for pl_v in $pl_e; do',
  '  pl_k=${pl_v%%=*}',
  `  case $pl_k in ""|[0-9]*|*[!A-Za-z0-9_]*|${own}) continue ;; esac`,
  '  pl_v=${pl_v#*=}',
  '  while case $pl_v in *"$pl_1"*) : ;; *) false ;; esac; do pl_v=${pl_v%%"$pl_1"*}$pl_0${pl_v#*"$pl_1"}; done',
  '  export "$pl_k=$pl_v"',
  'done',
  'exec "$@"',
].join('\n')

function formatEnter({ uid, gid }: Ids, shellCommand: string): string {
  const ids = [...(uid === undefined ? [] : ['-S', uid]), ...(gid === undefined ? [] : ['-G', gid])].map(
    quoteWord,
  )
  const inside = `/bin/sh -c ${quoteWord(loadEnvironment)} plumbline ${shellCommand}`
  return [
    `if ! [ -r "/proc/$pl_p/environ" ]; then`,
    `  echo "process $pl_p may not be entered by $(id -un)" >&2; exit ${enterStatus.notPermitted}`,
    'fi',
    'exec 9<"/proc/$pl_p/environ"',
    'PATH=$PATH:/usr/sbin:/sbin',
    'pl_o=',
    'for pl_x in U:user C:cgroup i:ipc u:uts n:net p:pid T:time; do',
    '  pl_y=ns/${pl_x#*:}',
    '  [ ! -e "/proc/$pl_p/$pl_y" ] || [ "/proc/self/$pl_y" -ef "/proc/$pl_p/$pl_y" ] || pl_o="$pl_o -${pl_x%%:*}"',
    'done',
    'pl_c="env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"',
    'case $pl_o in "") ;; *) pl_c="$pl_c nsenter -t $pl_p$pl_o --" ;; esac',
    'case $pl_o in *-p*) pl_c="$pl_c setsid" ;; esac',
    `exec $pl_c nsenter -t "$pl_p" -m -r -w ${ids.join(' ')} -- ${inside}`,
  ].join('\n')
}

/** `find` is shell text that sets $pl_p to the pid; `mark` begins the report of the process. */
export function formatFirstEnter(find: string, mark: string, ids: Ids, shellCommand: string): string {
  return [
    readStart,
    find,
    `case $pl_p in ""|0|*[!0-9]*) exit ${enterStatus.noProcess} ;; esac`,
    `${formatReport(mark, '"$pl_p"')} || exit ${enterStatus.noProcess}`,
    formatEnter(ids, shellCommand),
  ].join('\n')
}

export function formatNextEnter(process: EnteredProcess, ids: Ids, shellCommand: string): string {
  const check = formatCheck(process, `process ${process.pid} has ended`)
  return [check, `pl_p=${process.pid}`, formatEnter(ids, shellCommand)].join('\n')
}
