// Who may still read our records: whoever has the pipe open into which they were written. Once nobody has, nobody who
// has not come yet will.
//
// A pipe does not say so to who has closed it; on Linux, /proc shows who has it open.
import { fstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Looks at this descriptor, which may be closed afterwards; undefined where nothing can be told of it. */
export function watchReaders(descriptor: number): (() => boolean) | undefined {
  const stat = fstatSync(descriptor)
  if (!stat.isFIFO()) return undefined
  const pipe = `pipe:[${stat.ino}]`
  let last: string | undefined
  return () => {
    if (last === undefined || !holds(last, pipe)) last = findHolder(pipe)
    return last !== undefined || readdir('/proc/self/fd') === undefined
  }
}

function findHolder(pipe: string): string | undefined {
  const own = readSession('self')
  return readdir('/proc')?.find(
    (pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid && holds(pid, pipe, own),
  )
}

/** What is not to be seen into may hold it, if it is of our session: sudo(8), say. */
function holds(pid: string, pipe: string, session = readSession('self')): boolean {
  const descriptors = readdir(`/proc/${pid}/fd`)
  if (!descriptors) return session !== undefined && readSession(pid) === session
  return descriptors.some((name) => readLink(`/proc/${pid}/fd/${name}`) === pipe)
}

/** proc(5): pid (command) state parent group session. One that has ended, but not been waited for, has none. */
function readSession(pid: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const [state, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' ? undefined : session
  } catch {
    return undefined
  }
}

function readdir(path: string): string[] | undefined {
  try {
    return readdirSync(path)
  } catch {
    return undefined
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}
