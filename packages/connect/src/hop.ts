// What a hop type is: its command line, and how it is entered. A hop reaches the far side through the four verbs of
// `lower`, and through nothing else.
import type { Arguments, Command } from '@plumbline/common/cli/option-table'
import type { Diagnose } from '@plumbline/common/cli/diagnose'
import type { Connection, Place } from '@plumbline/common/connection/connection'
import type { FactName } from '@plumbline/common/records/facts'
import type { Secrets } from './secrets.ts'

/** The connection beneath a hop; an agent's has `fork`. */
export type Lower = {
  connection: Connection
  place: Place
  host: string
  /** Labels of the hops so far; none for this machine. */
  hops: readonly string[]
}

export type HopContext = {
  lower: Lower
  arguments: Arguments
  /** One of targets(). */
  target: string
  timeoutMs: number
  secrets: Secrets
  diagnose: Diagnose
  environment: NodeJS.ProcessEnv
}

export type OpenedHop = {
  connection: Connection
  place: Place
  /** How records and messages call it, e.g. "sudo:root". */
  label: string
  /** Set by a hop that leads to another machine. */
  host?: string
}

export type Hop = {
  command: Command
  /** What one connection each is opened to; one empty name for a hop that has no operands. Throws USAGE. */
  targets: (args: Arguments) => string[]
  /** Each target is another machine's name. */
  namesHosts?: boolean
  /** Facts of the connection beneath that hold on it as well; none of them unless told. */
  keeps?: readonly FactName[]
  open: (context: HopContext) => Promise<OpenedHop>
}

const kernel = ['os', 'arch'] as const

/** By what a hop leaves as it is: the kernel alone, all but the root directory, all but the user. */
export const kept = {
  kernel,
  machine: [...kernel, 'container'],
  root: [...kernel, 'container', 'distribution', 'version'],
} as const satisfies Record<string, readonly FactName[]>
