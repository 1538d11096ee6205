// check: the configuration is sound, and what it names is there. Nothing is touched.
import { accessSync, constants, lstatSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'
import type { Tls } from '../config/site.ts'
import { requireAccounts, type Settings } from '../config/settings.ts'
import { checkLimits } from './check-limits.ts'
import { answer, type Context, type Outcome } from './command.ts'
import { actionStatus } from './lsb-status.ts'

export async function check(context: Context): Promise<Outcome> {
  const { settings, action } = context
  requireAccounts(settings)
  checkLimits(settings, action === 'check')
  if (settings.command) checkProgram(settings, settings.command[0] ?? '')
  else {
    const { resolveModule } = await import('../sites/resolve-module.ts')
    const modules = [...(settings.config.load ?? []), ...settings.sites.map(({ module }) => module)]
    for (const module of modules) resolveModule(module, settings.modulePaths, settings.conf)
    for (const { tls } of settings.sites) if (tls) await checkTls(tls)
  }
  return answer(context, { exit: actionStatus.ok, changed: false })
}

/** Where the service will be by then, and not where the caller is. */
function checkProgram({ cwd, chroot = '/', environment }: Settings, program: string): void {
  const at = (path: string) => join(chroot, resolve(cwd, path))
  if (program.includes('/')) return checkExecutable(at(program), chroot)
  const isThere = (environment['PATH'] ?? '').split(':').some((folder) => {
    try {
      checkExecutable(at(`${folder}/${program}`), chroot)
      return true
    } catch {
      return false
    }
  })
  if (!isThere) throw new ToolError('COMMAND_NOT_FOUND', { command: program })
}

function checkExecutable(path: string, root: string): void {
  const refuse = (reason: string) => new ToolError('COMMAND_NOT_EXECUTABLE', { command: path, reason })
  // In a root directory of its own it may lead to where we do not follow it.
  if (root !== '/' && lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) return
  try {
    accessSync(path, constants.X_OK)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw new ToolError('COMMAND_NOT_FOUND', { command: path })
    throw refuse(reasonOf(error))
  }
  if (statSync(path).isDirectory()) throw refuse('is a directory')
}

/** That they go together too: what starts the sites reads them, and knows no more of the files. */
async function checkTls({ cert, key, passphrase, passphraseFile }: Tls): Promise<void> {
  const { describeTlsMistake } = await import('../sites/secure-context.ts')
  const word = passphraseFile === undefined ? passphrase : readText(passphraseFile).replace(/\r?\n$/, '')
  const mistake = describeTlsMistake({ cert: readText(cert), key: readText(key), passphrase: word })
  if (mistake !== undefined)
    throw new ToolError('CONFIG_INVALID', { where: cert, reason: `with key "${key}": ${mistake}` })
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ToolError('CONFIG_UNREADABLE', { path, reason: reasonOf(error) }, { cause: error })
  }
}
