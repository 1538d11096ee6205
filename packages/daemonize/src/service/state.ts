// The state record beside a pidfile: which incarnation of the service runs, and how its process is recognised.
//
//   {"id":"32 hex digits","boot":…,"name":…,"conf":…,"started":…,"cgroup":…,"listen":[…],"old":{…}, written by the starter,
//    "pid":…,"start":…,"session":…,"keeper":…,"keeper_start":…,"restarts":…}               completed by the keeper
//
// Neither file is believed because it is there: they may be of another boot, damaged, or somebody's trap.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import * as v from 'valibot'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants
const maxBytes = 64 * 1024
/** In milliseconds: the last that a Date can be. */
const maxTime = 8.64e15
const number = v.pipe(v.number(), v.integer(), v.minValue(0))

const processes = {
  cgroup: v.nullable(v.string()),
  pid: number,
  start: number,
  session: number,
  keeper: number,
  keeper_start: number,
}

const stateSchema = v.object({
  ...processes,
  id: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  boot: v.string(),
  /** Of a service that was started before it was written down there is none. */
  name: v.optional(v.string()),
  conf: v.string(),
  started: v.pipe(number, v.maxValue(maxTime)),
  listen: v.array(v.string()),
  restarts: number,
  /** Whom it has taken the sockets from: whoever was to end them may have been killed before. "was" is their id. */
  old: v.optional(v.object({ was: v.string(), ...processes })),
})

export type StateRecord = v.InferOutput<typeof stateSchema>

/** What it takes to find the processes of an incarnation. */
export type Incarnation = Pick<StateRecord, 'id' | keyof typeof processes>

/** `hidden`: it may well be good, but not for this caller, and why. */
export type Found<T> = { value: T } | { absent: true } | { bad: string; hidden?: string | undefined }

/** The bytes of a small file of root's or ours, without following links or waiting for anyone. */
export function readTrusted(path: string): Found<string> {
  let fd: number
  try {
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return { absent: true }
    if (errnoOf(error) === 'ELOOP') return { bad: 'it is a symbolic link' }
    return { bad: reasonOf(error), hidden: errnoOf(error) === 'EACCES' ? 'cannot be read' : undefined }
  }
  try {
    const { uid, size, ...stat } = fstatSync(fd)
    if (!stat.mode || (stat.mode & constants.S_IFMT) !== constants.S_IFREG)
      return { bad: 'it is no regular file' }
    const caller = process.geteuid?.()
    // A service may be another user's; but root's is none that somebody else has written down.
    if (uid !== 0 && uid !== caller)
      return { bad: `it belongs to user ${uid}`, hidden: caller === 0 ? undefined : 'cannot be believed' }
    if (size > maxBytes) return { bad: `it has ${size} bytes` }
    const bytes = Buffer.alloc(size)
    return { value: bytes.toString('utf8', 0, readSync(fd, bytes)) }
  } catch (error) {
    return { bad: reasonOf(error) }
  } finally {
    closeSync(fd)
  }
}

export function readState(path: string): Found<StateRecord> {
  const text = readTrusted(path)
  if (!('value' in text)) return text
  try {
    const result = v.safeParse(stateSchema, JSON.parse(text.value))
    return result.success ? { value: result.output } : { bad: 'it is no state record' }
  } catch {
    return { bad: 'it is no state record' }
  }
}

/** A pidfile is a number and a line end. "-1", "0" and "1" would mean everyone, ourselves and init. */
export function parsePid(text: string): number | undefined {
  if (!/^[1-9][0-9]{0,9}\n?$/.test(text)) return undefined
  const pid = Number(text)
  return pid > 1 && pid <= 4_194_304 ? pid : undefined
}

export function readPidfile(path: string): Found<number> {
  const text = readTrusted(path)
  if (!('value' in text)) return text
  const pid = parsePid(text.value)
  return pid === undefined ? { bad: 'it holds no process number' } : { value: pid }
}
