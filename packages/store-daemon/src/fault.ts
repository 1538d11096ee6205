// Named crash points: where a test kills the daemon, to see that nothing it acknowledged is lost.
//
// PLUMBLINE_FAULT=NAME makes the process die by SIGKILL the first time it comes to the point of that name.
// PLUMBLINE_FAULT=NAME:N, the Nth time.
import { kill, pid, env } from 'node:process'

const [armed = '', count = '1'] = (env['PLUMBLINE_FAULT'] ?? '').split(':')
let left = Number(count)

export function fault(name: string): void {
  if (armed === '' || name !== armed || --left > 0) return
  kill(pid, 'SIGKILL')
  // The signal is delivered before the next system call returns; this is one.
  for (;;) kill(pid, 0)
}
