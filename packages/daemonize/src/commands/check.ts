// check: the configuration is sound, and what it names is there. Nothing is touched.
import { accessSync, constants } from 'node:fs'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import { requireAccounts } from '../config/settings.ts'
import { answer, type Context, type Outcome } from './command.ts'
import { actionStatus } from './lsb-status.ts'

export async function check(context: Context): Promise<Outcome> {
  const { settings } = context
  requireAccounts(settings)
  if (settings.command) checkProgram(settings.command[0] ?? '', settings.environment['PATH'] ?? '')
  else {
    const { resolveModule } = await import('../sites/resolve-module.ts')
    const modules = [...(settings.config.load ?? []), ...settings.sites.map(({ module }) => module)]
    for (const module of modules) resolveModule(module, settings.modulePaths, settings.conf)
    for (const { tls } of settings.sites) if (tls) [tls.cert, tls.key].forEach(checkReadable)
  }
  return answer(context, { exit: actionStatus.ok, changed: false })
}

function checkProgram(program: string, path: string): void {
  const candidates = program.includes('/')
    ? [program]
    : path.split(':').map((folder) => `${folder}/${program}`)
  const found = candidates.some((candidate) => {
    try {
      accessSync(candidate, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
  if (!found) throw new ToolError('COMMAND_NOT_FOUND', { command: program })
}

function checkReadable(path: string): void {
  try {
    accessSync(path, constants.R_OK)
  } catch (error) {
    throw new ToolError('CONFIG_UNREADABLE', { path, reason: reasonOf(error) }, { cause: error })
  }
}
