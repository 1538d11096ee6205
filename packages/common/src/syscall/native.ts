// The native part: system calls that Node lacks, loaded by the first file that needs one (0.5 ms).
import { existsSync } from 'node:fs'
import { join } from 'node:path'

export type Native = {
  /** flock(2) with an operation of `lockOperation`. */
  flock(fd: number, operation: number): number
  pidfdOpen(pid: number): number
  /** With a value, unless it is 0, as of sigqueue(3). */
  pidfdSendSignal(pidfd: number, signal: number, value: number): number
  pidfdGetfd(pidfd: number, fd: number): number
  /** [pid, uid, gid] of the process at the other end of a unix socket. */
  peerCredentials(fd: number): [pid: number, uid: number, gid: number]
  /** Becomes another program; returns only by throwing. */
  execve(argv: readonly string[], environment: readonly string[]): never
  /** Ends the process; its memory is taken apart by another one afterwards, an orphan that ends by itself. */
  leave(status: number): never
  setCloseOnExec(fd: number, close: boolean | number): number
  /** Memory with a descriptor and no name. */
  memfd(name: string): number
  /** A listening socket that accepts nothing by itself, at an address of digits. */
  listenTcp(ip: string, port: number): number
  listenUnix(path: string, mode: number): number
  /** Calls back whenever the descriptor is readable, until unwatch(). */
  watch(fd: number, readable: () => void): unknown
  unwatch(token: unknown): void
  /** Two connected stream sockets, closed on exec. */
  socketPair(): [number, number]
  /**
   * Starts a program in a session of its own, with default signals, an empty environment, and the descriptors given
   * as its 0, 1, 2…: a fifth of the time that node:child_process takes to load and do it. Returns the process number.
   */
  spawnLeader(argv: readonly string[], descriptors: readonly number[]): number
  /** Not 0 when that child had ended; it is no zombie any more then. */
  reap(pid: number): number
  /** Makes a file `length` bytes long, its blocks taken on disk. */
  allocate(fd: number, length: number): number
  /** AF_UNIX 1, AF_INET 2, AF_INET6 10. */
  socketFamily(fd: number): number
  /** 1 for a socket that accepts connections; throws ENOTSOCK for what is none. */
  isListening(fd: number): 0 | 1
  /** POSIX record lock on a whole file, of a `recordLockType`: 1 when taken, 0 when another process holds it. */
  recordLock(fd: number, type: number): 0 | 1
  /**
   * Appends up to 8 KiB to a file that is held with a shared lock, with the lock made exclusive meanwhile: 1 when
   * done, 0 when another process has it shared as well. All or nothing is written.
   */
  appendExclusively(fd: number, bytes: string): 0 | 1
  /**
   * Begins to make a new file of these contents, mode (less the umask) and time in seconds since 1970: a number by which
   * it has to be finished, once. Several are made beside what else is done meanwhile. Where there is a file called like
   * it with `guard` behind, '' for none, it is not made.
   */
  beginFile(path: string, guard: string, contents: Uint8Array, mode: number, time: number): number
  /** Waits for such a file: 1 when it was made, 0 when there is something of that name; else it throws, EBUSY for the guard. */
  finishFile(number: number): 0 | 1
  /** Whether there is something of that name, a byte string; symlinks are not followed. A third of fs.lstatSync's time. */
  exists(path: string): 0 | 1
  /** Two names in one file system change places at once: renameat2(2) with RENAME_EXCHANGE. */
  exchange(a: string, b: string): number
  /**
   * 1 when what is mounted read-only at `path` has become writable for this thread and what it starts, in a mount
   * namespace of their own; 0 when it was writable, or still is not.
   */
  remountWritable(path: string): 0 | 1
  /** A record lock, waiting for it on a thread of its own. */
  recordLockWait(fd: number, type: number): Promise<1>
}

export const lockOperation = { shared: 1, exclusive: 2, nonBlocking: 4, unlock: 8 } as const

/** fcntl(2): F_RDLCK, F_WRLCK, F_UNLCK. */
export const recordLockType = { shared: 0, exclusive: 1, unlock: 2 } as const

let loaded: Native | undefined

/** The addon, beside the bundle when there is one, else in the package's dist. */
export function native(): Native {
  if (loaded) return loaded
  const beside = join(import.meta.dirname, 'syscall.node')
  const built = join(import.meta.dirname, '../../dist/syscall.node')
  // What require() does for an addon in the end; node:module takes longer to load than the addon.
  const addon = { exports: {} }
  process.dlopen(addon, existsSync(beside) ? beside : built)
  loaded = addon.exports as Native
  return loaded
}
