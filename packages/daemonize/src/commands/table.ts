// The commands, each loaded when it is asked for.
import type { ServiceCommand } from './command.ts'

const table: Readonly<Record<string, () => Promise<ServiceCommand>>> = {
  start: async () => (await import('./start.ts')).start,
  stop: async () => (await import('./stop.ts')).stop,
  restart: async () => (await import('./restart.ts')).restart,
  kill: async () => (await import('./stop.ts')).kill,
  zap: async () => (await import('./zap.ts')).zap,
  nodaemon: async () => (await import('./nodaemon.ts')).nodaemon,
  status: async () => (await import('./status.ts')).status,
  reload: async () => (await import('./restart.ts')).reload,
  check: async () => (await import('./check.ts')).check,
  logs: async () => (await import('./logs.ts')).logs,
  repl: async () => (await import('./repl.ts')).repl,
}

/** `list` finds its configurations, and `unit` can do without. */
export const commandNames = [...Object.keys(table), 'unit', 'list']

export function findCommand(name: string): (() => Promise<ServiceCommand>) | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}
