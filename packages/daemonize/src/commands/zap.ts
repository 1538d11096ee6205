// zap: forgets what is left on disk of a service that is no more. One that lives would be lost by it: only --force.
import { findCgroups, removeCgroup } from '../service/cgroup.ts'
import { removeRecords } from '../service/folders.ts'
import { findProcess } from '../service/process.ts'
import { inspectService, inspectStarting } from '../service/inspect.ts'
import { existsSync } from 'node:fs'
import { ToolError } from '@plumbline/common/error/tool-error'
import { answer, withLock, type Context, type Outcome } from './command.ts'
import { actionStatus } from './lsb-status.ts'

export async function zap(context: Context): Promise<Outcome> {
  const { settings, force, action } = context
  const nothing = answer(context, { exit: actionStatus.ok, changed: false })
  if (!nothing.seen.traces && !existsSync(settings.lock)) return nothing
  return withLock(context, async () => {
    const { main, keeper, left, traces } = inspectService(settings)
    const starting = inspectStarting(settings)
    const alive = main ?? keeper ?? (starting && findProcess(starting))
    if ((alive || left.length > 0) && !force) {
      const reason = alive ? `it runs (process ${alive.pid})` : `it has left processes: ${left.join(', ')}`
      throw new ToolError('SERVICE_FAILED', {
        action,
        name: settings.name,
        reason: `${reason}; stop it, or --force`,
      })
    }
    removeRecords(settings, { force })
    if (!alive) findCgroups(settings.name, settings.pidfile).forEach(removeCgroup)
    return answer(context, { exit: actionStatus.ok, changed: traces || starting !== undefined })
  })
}
