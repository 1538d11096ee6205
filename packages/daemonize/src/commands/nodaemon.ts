// nodaemon: the service in the foreground, as the same user and with the same confinement, its output where ours
// goes. This process becomes the keeper, and the keeper, when nothing is to be kept, the service: supervisors see
// the service itself.
import { writeSync } from 'node:fs'
import { native } from '@plumbline/common/syscall/native'
import { ToolError } from '@plumbline/common/error/tool-error'
import { keeperPath } from '../launch/keeper-link.ts'
import { chooseProgram } from '../launch/program.ts'
import { formatSpecification } from '../launch/specification.ts'
import { requireAccounts } from '../config/settings.ts'
import { makeCacheFolder } from '../service/folders.ts'
import { inspectService } from '../service/inspect.ts'
import { makeIncarnationId } from '../service/incarnation-id.ts'
import { bootId } from '../service/process.ts'
import { incarnationVariable } from '../service/tree.ts'
import { withLock, type Context } from './command.ts'
import { clearAway } from './start.ts'

export async function nodaemon(context: Context): Promise<undefined> {
  const { settings, action, environment } = context
  requireAccounts(settings)
  return withLock(context, async (lock) => {
    const seen = inspectService(settings)
    if (seen.main)
      throw new ToolError('SERVICE_FAILED', {
        action,
        name: settings.name,
        reason: `it runs already (process ${seen.main.pid})`,
      })
    await clearAway(context, seen)
    makeCacheFolder(settings)
    const { argv, environment: own, sockets } = await chooseProgram(settings)
    // Never the one that it is given: all that a supervisor, or a terminal, has started carries that.
    const id = makeIncarnationId()
    const specification = native().memfd('specification')
    const supervisor = environment['NOTIFY_SOCKET']
    const bytes = formatSpecification(settings, {
      id,
      boot: bootId(),
      started: Date.now(),
      cgroup: undefined,
      argv,
      environment: { ...own, [incarnationVariable]: id, ...(supervisor && { NOTIFY_SOCKET: supervisor }) },
      listen: sockets.map(({ address }) => address),
      notify: undefined,
      reach: [],
      readyFd: settings.ready.kind === 'fd' ? settings.ready.fd : undefined,
      foreground: true,
    })
    // At a position, so that the keeper reads it from the start.
    writeSync(specification, bytes, 0, bytes.length, 0)
    become([specification, lock.fd, ...sockets.map(({ fd }) => fd)])
  })
}

function become(descriptors: readonly number[]): never {
  for (const fd of descriptors) native().setCloseOnExec(fd, false)
  return native().execve([keeperPath(), ...descriptors.map(String)], [])
}
