// Exit statuses by name: sysexits.h (4.3BSD, sysexits(3)), the shell's own, and the merge of several into one.
// Pure: no I/O.

export const exitStatus = {
  ok: 0,
  someFailed: 1,
  usage: 64,
  data: 65,
  noInput: 66,
  unavailable: 69,
  software: 70,
  cannotCreate: 73,
  ioError: 74,
  tryAgain: 75,
  protocol: 76,
  permission: 77,
  config: 78,
  cannotRun: 126,
  notFound: 127,
} as const

export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus]

/** 128+n for a process ended by signal number n, as POSIX shells report it (XCU 2.8.2). */
export function signalStatus(signalNumber: number): number {
  return 128 + signalNumber
}
