// Fetches data on this machine: each item once a run, however many properties and hosts want it. Nothing of it is
// kept on disk, here or there.
import { resolve } from 'node:path'
import { ToolError } from '@plumbline/common/error/tool-error'
import { describeData, isSecretSource, parseDataName, type DataName } from './data-name.ts'
import type { Data } from './data.ts'
import { openFileData } from './file-data.ts'

/** Where a name was written, and for what. */
export type DataPlace = { directory: string; host: string | undefined; path: string }

const opened = new Map<string, Promise<Data>>()

/** Throws DATA_UNAVAILABLE, INPUT_FAILED. */
export function openData(text: string, place: DataPlace): Promise<Data> {
  const name = parseDataName(text)
  const resolved = { ...name, item: locate(name, place) }
  const key = `${resolved.source}:${resolved.item}`
  const opening =
    opened.get(key) ?? fetchData(resolved, { name: describeData(text), directory: place.directory })
  opened.set(key, opening)
  return opening
}

function locate({ source, item }: DataName, { directory, host = '_all', path }: DataPlace): string {
  if (source === 'files-tree') {
    if (host.includes('/') || host === '..') {
      throw new ToolError('DATA_UNAVAILABLE', { name: `files-tree:${item}`, reason: `"${host}" is no host` })
    }
    return resolve(directory, item, host, path.slice(1))
  }
  if (source === 'command') return `${item}\0${directory}`
  return ['file', 'git', 'gpg'].includes(source) ? resolve(directory, item) : item
}

async function fetchData(
  { source, item }: DataName,
  where: { name: string; directory: string },
): Promise<Data> {
  if (source === 'file' || source === 'files-tree') return openFileData(item)
  if (source === 'git') return (await import('./git-data.ts')).openGitData(item, where.name)
  const bytes = source === 'env' ? readVariable(item) : await askCommand(source, item, where)
  if (bytes === undefined) {
    throw new ToolError('DATA_UNAVAILABLE', { name: where.name, reason: 'there is no such variable' })
  }
  return {
    isSecret: isSecretSource[source],
    bytes: bytes.length,
    open: async function* () {
      yield bytes
    },
  }
}

function readVariable(name: string): Buffer | undefined {
  const value = process.env[name]
  return value === undefined ? undefined : Buffer.from(value)
}

/** One at a time: each may ask its user something. */
let asking: Promise<unknown> = Promise.resolve()

async function askCommand(
  source: 'gpg' | 'pass' | 'command',
  item: string,
  where: { name: string; directory: string },
) {
  const { runSource } = await import('./run-source.ts')
  const argv = {
    gpg: ['gpg', '--batch', '--quiet', '--decrypt', '--', item],
    pass: ['pass', 'show', '--', item],
    command: ['/bin/sh', '-c', item.split('\0')[0] ?? ''],
  }[source]
  const asked = asking.then(() => runSource(argv, where))
  asking = asked.catch(() => undefined)
  return asked
}
