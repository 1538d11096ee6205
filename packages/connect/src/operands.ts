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

/** Users' names as useradd(8) takes them, and those of directory services. Throws USAGE. */
export function requireUsers(args: Arguments, fallback?: string): string[] {
  if (args.operands.length === 0 && fallback !== undefined) return [fallback]
  const users = requireOperands(args, 'a user')
  const wrong = users.find((user) => !accountName.test(user))
  if (wrong !== undefined) throw new ToolError('USAGE', { reason: `"${wrong}" cannot be the name of a user` })
  return users
}
