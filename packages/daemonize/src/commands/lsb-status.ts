// Exit statuses of init scripts: LSB 5.0 Core, "Init Script Actions".
// Pure: no I/O.
import type { ServiceState } from '@plumbline/common/records/service'
import type { ErrorCode } from '@plumbline/common/error/codes'
import type { ToolError } from '@plumbline/common/error/tool-error'

/** Of every action but `status`. */
export const actionStatus = {
  ok: 0,
  failed: 1,
  usage: 2,
  forbidden: 4,
  notInstalled: 5,
  notConfigured: 6,
  notRunning: 7,
} as const

const ofError: Partial<Record<ErrorCode, number>> = {
  USAGE: actionStatus.usage,
  CONFIG_INVALID: actionStatus.notConfigured,
  CONFIG_UNREADABLE: actionStatus.notConfigured,
  CONFIG_UNSAFE: actionStatus.forbidden,
  MODULE_NOT_FOUND: actionStatus.notConfigured,
  ACCOUNT_UNKNOWN: actionStatus.notConfigured,
  COMMAND_NOT_FOUND: actionStatus.notInstalled,
  COMMAND_NOT_EXECUTABLE: actionStatus.notInstalled,
  DIRECTORY_UNSAFE: actionStatus.forbidden,
  SERVICE_FORBIDDEN: actionStatus.forbidden,
  SERVICE_NOT_RUNNING: actionStatus.notRunning,
}

/** Which system call they failed for says whether it was for want of permission. */
const needsPermission: ReadonlySet<ErrorCode> = new Set(['CANNOT_CREATE', 'INPUT_FAILED', 'SERVICE_FAILED'])

export function errorStatus(error: ToolError): number {
  const { code } = error
  const errno = (error.cause as NodeJS.ErrnoException | undefined)?.code
  const isRefused = errno === 'EACCES' || errno === 'EPERM'
  if (isRefused && needsPermission.has(code)) return actionStatus.forbidden
  return ofError[code] ?? actionStatus.failed
}

/** Of `status`: 0 running, 1 dead with its pidfile left, 3 not running, 4 unknown. */
export const stateStatus: Readonly<Record<ServiceState, number>> = {
  running: 0,
  dead: 1,
  failed: 1,
  stopped: 3,
  starting: 3,
  restarting: 3,
  unknown: 4,
}

/** Of several services: what they agree on, else that something failed. */
export function mergeStatuses(statuses: readonly number[]): number {
  const failed = [...new Set(statuses.filter((status) => status !== 0))]
  return failed.length > 1 ? actionStatus.failed : (failed[0] ?? actionStatus.ok)
}
