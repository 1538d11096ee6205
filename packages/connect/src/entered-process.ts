// A process through which a hop is entered: the one that keeps a namespace, a container's first. It is known by its
// pid and the time at which it started (proc(5), field 22 of stat), so that another process that has got the pid of
// one that has gone is never entered by mistake.
// Pure: no I/O.

export type EnteredProcess = { pid: number; start: string }

/** A shell function: `pl_start PID` sets $pl_t to the start time, and fails for a process that is not there. */
export const readStart =
  'pl_start() { IFS= read -r pl_s 2>/dev/null <"/proc/$1/stat" || return 1; set -- ${pl_s##*) }; pl_t=${20}; }'

/** Says on stderr which process it is; `pid` is shell text. */
export function formatReport(mark: string, pid: string): string {
  return `pl_start ${pid} && printf "\\n%s %s %s\\n" ${mark} ${pid} "$pl_t" >&2`
}

export function parseReport(mark: string, said: string): EnteredProcess | undefined {
  const [, pid, start] = new RegExp(`^${mark} (\\d+) (\\d+)$`, 'm').exec(said) ?? []
  return pid === undefined || start === undefined ? undefined : { pid: Number(pid), start }
}

/** What was said besides. */
export function withoutReport(mark: string, said: string): string {
  return said.replace(new RegExp(`^${mark} .*$`, 'm'), '').trim()
}

/** Shell text that goes on only when it is still the same process. */
export function formatCheck({ pid, start }: EnteredProcess, gone: string): string {
  return `${readStart}; if ! pl_start ${pid} || [ "$pl_t" != ${start} ]; then echo "${gone}" >&2; exit 125; fi`
}
