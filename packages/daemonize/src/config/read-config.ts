// Reads a configuration file: JSON, YAML, or an ES module, in TypeScript too. What root runs by it, only root may have written.
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  realpathSync,
  statSync,
  type Stats,
} from 'node:fs'
import { dirname, extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import { findPathDanger } from '../service/path-danger.ts'
import { importModule } from '../sites/import-module.ts'
import { parseConfig, type Config } from './config.ts'
import { findDuplicateKey, findJsonMistake } from './json-mistake.ts'

export const configFolder = '/etc/daemonize'
export const configSuffixes = ['.json', '.yaml', '.yml', '.mjs', '.js', '.ts', '.conf'] as const
const namedFolders = [configFolder, '/etc/conf.d']

export type ConfigFile = { path: string; config: Config }

/** The file itself, or for a bare NAME the one in /etc/daemonize or /etc/conf.d. */
export function findConfig(operand: string): string {
  if (isNoFolder(operand) || operand.includes('/')) return resolve(operand)
  const candidates = namedFolders.flatMap((folder) =>
    configSuffixes.map((suffix) => `${folder}/${operand}${suffix}`),
  )
  return candidates.find(isNoFolder) ?? resolve(operand)
}

/** A folder called like the service is nobody's configuration. */
function isNoFolder(path: string): boolean {
  try {
    return !statSync(path).isDirectory()
  } catch {
    // What keeps the one that is named from being looked at is told when it is read.
    return false
  }
}

/** Throws CONFIG_UNREADABLE, CONFIG_UNSAFE, CONFIG_INVALID. */
export async function readConfig(operand: string): Promise<ConfigFile> {
  const path = findConfig(operand)
  const { text, stat } = readText(path)
  const isModule = /^\.[cm]?[jt]s$/.test(extname(path))
  const unsafe = isModule ? moduleDanger(path, stat) : dataDanger(stat)
  if (unsafe) throw new ToolError('CONFIG_UNSAFE', { path, reason: unsafe })
  return {
    path,
    config: parseConfig(isModule ? await importConfig(path) : await parseText(path, text), path),
  }
}

function readText(path: string): { text: string; stat: Stats } {
  try {
    // A FIFO in place of the file must not make anyone wait.
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const stat = fstatSync(fd)
      if (!stat.isFile()) throw new Error('not a regular file')
      return { text: readFileSync(fd, 'utf8'), stat }
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw new ToolError('CONFIG_UNREADABLE', { path, reason: reasonOf(error) }, { cause: error })
  }
}

async function parseText(path: string, text: string): Promise<unknown> {
  // Of a file whose name does not say, an object in braces is JSON.
  const isJson = path.endsWith('.json') || (!/\.ya?ml$/.test(path) && text.trimStart().startsWith('{'))
  try {
    if (!isJson) {
      const { parse } = await import('yaml')
      return parse(text)
    }
    const value: unknown = JSON.parse(text)
    const twice = findDuplicateKey(text)
    if (twice !== undefined) throw new Error(`key ${twice.key} stands twice (${twice.place})`)
    return value
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    // V8 quotes what is around it, on as many lines as that has.
    const [first = ''] = message.replace(/, (\.\.\.)?".*is not valid JSON$/s, ', not valid JSON').split('\n')
    const place = isJson && !/\(line \d+/.test(first) ? ` (${findJsonMistake(text)})` : ''
    const reason = `${first.replace(/:$/, '')}${place}`
    throw new ToolError('CONFIG_INVALID', { where: path, reason }, { cause: error })
  }
}

async function importConfig(path: string): Promise<unknown> {
  try {
    const { default: whole, ...named } = await importModule(pathToFileURL(path).href)
    return whole ?? named
  } catch (error) {
    throw new ToolError('CONFIG_INVALID', { where: path, reason: reasonOf(error) }, { cause: error })
  }
}

const caller = () => process.geteuid?.() ?? 0

/** Why a module would run someone else's code: its owner or writers, or those of a folder on the way to it. */
function moduleDanger(path: string, stat: Stats): string | undefined {
  if (stat.uid !== 0 && stat.uid !== caller())
    return `it belongs to user ${stat.uid}, not to root or the caller`
  if (stat.mode & 0o022) return 'others than its owner may write it'
  return findPathDanger(dirname(realpathSync(path)))
}

/** Data names commands too: root takes them from root only. */
function dataDanger(stat: Stats): string | undefined {
  if (caller() !== 0) return undefined
  if (stat.uid !== 0) return `it belongs to user ${stat.uid}, not to root`
  if (stat.mode & 0o020 && stat.gid !== 0) return `group ${stat.gid} may write it`
  return stat.mode & 0o002 ? 'everyone may write it' : undefined
}
