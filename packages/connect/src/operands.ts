// Operands that hops share: each leads to one connection.
// Pure: no I/O.
import type { Arguments } from '@plumbline/common/cli/option-table'
import { ToolError } from '@plumbline/common/error/tool-error'

/** Throws USAGE when there is none, or an empty one. */
export function requireOperands({ command, operands }: Arguments, what: string): string[] {
  if (operands.length === 0) throw new ToolError('USAGE', { reason: `connect ${command} needs ${what}` })
  if (operands.includes(''))
    throw new ToolError('USAGE', { reason: `${what} of connect ${command} is empty` })
  return operands
}

const accountName = /^[A-Za-z0-9_.][A-Za-z0-9_.@-]*\$?$/

/** Users' names. Throws USAGE. */
export function requireUsers(args: Arguments, fallback?: string): string[] {
  if (args.operands.length === 0 && fallback !== undefined) return [fallback]
  return requireOperands(args, 'a user').map(requireUser)
}

/** As useradd(8) takes it, and directory services. Throws USAGE. */
export function requireUser(user: string): string {
  if (accountName.test(user)) return user
  throw new ToolError('USAGE', { reason: `"${user}" cannot be the name of a user` })
}

const containerName = /^[A-Za-z0-9_.][A-Za-z0-9_.-]*$/

/** Names of containers: no engine has one that could be taken for an option. Throws USAGE. */
export function requireNames(args: Arguments, what: string): string[] {
  const names = requireOperands(args, what)
  const wrong = names.find((name) => !containerName.test(name))
  if (wrong === undefined) return names
  throw new ToolError('USAGE', { reason: `"${wrong}" cannot be the name of ${what}` })
}
