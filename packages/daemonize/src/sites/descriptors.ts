// The descriptors of the server of sites: its sockets from 3 on, that of the REPL, its configuration, and the one on
// which it says that it is ready.
// Pure: no I/O.

/** Where a service finds its first socket (sd_listen_fds(3)). */
export const firstSocket = 3

export function serverReadyFd(sockets: number, repl: boolean): number {
  return firstSocket + sockets + (repl ? 1 : 0) + 1
}
