// This machine as a connection: the bottom of every chain, and the only place that starts a process for one.
import { constants, userInfo } from 'node:os'
import { signalStatus } from '../error/exit.ts'
import { shellName } from './boot.ts'
import { reasonOf } from '../error/translate.ts'
import { ToolError } from '../error/tool-error.ts'
import type { Connection, Place } from './connection.ts'
import type { Entry, RawProcess } from './raw-process.ts'
import { ShellConnection } from './shell-connection.ts'

export type LocalConnection = { connection: Connection; place: Place }

/** Nothing has to be established: what is known of this process holds for the commands it starts. */
export function openLocal(environment: NodeJS.ProcessEnv): LocalConnection {
  const { username, uid, homedir } = findSelf()
  const place = { user: username, uid, home: environment['HOME'] || homedir }
  return { connection: new ShellConnection(makeLocalEntry(environment), { place }), place }
}

/** A container may run us as a number that no list knows (docker run -u 12345). */
function findSelf(): { username: string; uid: number; homedir: string } {
  try {
    return userInfo()
  } catch {
    const uid = process.geteuid?.() ?? 0
    return { username: String(uid), uid, homedir: '/' }
  }
}

export function makeLocalEntry(environment: NodeJS.ProcessEnv): Entry {
  return { hop: 'local', start: (_, text) => startShell(text, environment) }
}

/** In a session of its own: its process group can then be signalled, and no terminal signal reaches it. */
function startShell(text: string, environment: NodeJS.ProcessEnv): RawProcess {
  // Loaded with the first command: many connections are opened and never used.
  const { spawn } = process.getBuiltinModule('node:child_process')
  const child = spawn('/bin/sh', ['-c', text, shellName], {
    cwd: '/',
    detached: true,
    env: environment,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const status = new Promise<number>((resolve, reject) => {
    child.once('error', (error) => {
      reject(new ToolError('COMMAND_NOT_EXECUTABLE', { command: '/bin/sh', reason: reasonOf(error) }))
    })
    child.once('exit', (code, signal) =>
      resolve(code ?? signalStatus(signal ? constants.signals[signal] : 0)),
    )
  })
  const cancel = () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) killGroup(child.pid)
    // What left the group may hold the pipes open for ever.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy()
  }
  return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, status, cancel }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It ended in the meantime.
  }
}
