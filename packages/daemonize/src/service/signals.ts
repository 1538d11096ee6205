// Signals by name and number. The few that every start and stop needs are told here: node:os, which knows them all,
// takes longer to load than a configuration to read.

/** The same in every Linux that Node runs on. */
export const SIGHUP = 1
export const SIGKILL = 9
export const SIGUSR2 = 12
export const SIGTERM = 15
export const SIGCONT = 18

const usual: Readonly<Record<string, number>> = { SIGHUP, SIGKILL, SIGUSR2, SIGTERM, SIGCONT }

const all = () => Object.entries(process.getBuiltinModule('node:os').constants.signals)

/** Of "TERM" or "SIGTERM"; undefined when there is no such signal. */
export function signalNumber(name: string): number | undefined {
  const full = name.startsWith('SIG') ? name : `SIG${name}`
  return Object.hasOwn(usual, full) ? usual[full] : all().find(([known]) => known === full)?.[1]
}

export function signalName(number: number): string {
  return all().find(([, known]) => known === number)?.[0] ?? `signal ${number}`
}
