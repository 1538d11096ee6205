// A site file to its items, by the ending of its name.
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { readInput } from '@plumbline/common/cli/input'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import { readRecords } from '@plumbline/common/ndjson/read'
import { listExpected, listOf, type SiteFile, type SiteItem } from './item.ts'

// Handed in by the launcher: a bundle has no import() of its own. The tests run unbundled.
declare const importModule: ((specifier: string) => Promise<unknown>) | undefined

/** Throws INPUT_FAILED, RECORD_INVALID, SITE_INVALID. Standard input, "-", is NDJSON. */
export async function readSiteFile(path: string, signal?: AbortSignal): Promise<SiteFile> {
  if (/\.m?js$/.test(path)) return { items: await readModule(path) }
  if (path.endsWith('.json')) return readJson(path)
  if (/\.ya?ml$/.test(path)) return { items: await readYaml(path, await readText(path)) }
  return readNdjson(path, signal)
}

/** True for what is wrong with a site; false when it cannot be read at all, or no longer is to be. */
export function isFault(error: unknown): error is ToolError {
  return error instanceof ToolError && error.code !== 'INPUT_FAILED' && error.code !== 'CANCELLED'
}

const directoryOf = (path: string) => (path === '-' ? process.cwd() : dirname(resolve(path)))

async function readText(path: string): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of readInput(path)) chunks.push(chunk)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw new ToolError('SITE_INVALID', { where: path, reason: 'it is not UTF-8' })
  }
}

async function readNdjson(path: string, signal?: AbortSignal): Promise<SiteFile> {
  const input = path === '-' ? 'standard input' : path
  const directory = directoryOf(path)
  const items: SiteItem[] = []
  try {
    for await (const batch of readRecords(readInput(path, signal), { input })) {
      for (const { record, line } of batch) {
        items.push({ value: record, where: () => `${input}, line ${line}`, directory })
      }
    }
    return { items }
  } catch (error) {
    if (!isFault(error)) throw error
    return { items, fault: error.message }
  }
}

async function readYaml(path: string, text: string): Promise<SiteItem[]> {
  const { parseYamlSite } = await import('./yaml.ts')
  return parseYamlSite(text, path, directoryOf(path))
}

/** JSON is YAML, and the YAML parser knows lines; but it is slow to load, so it is asked only when there is a fault. */
async function readJson(path: string): Promise<SiteFile> {
  const text = await readText(path)
  let values: unknown[] | undefined
  try {
    values = listOf(JSON.parse(text))
  } catch (error) {
    const [, position = '0'] = /position (\d+)/.exec(reasonOf(error)) ?? []
    const line = text.slice(0, Number(position)).split('\n').length
    throw new ToolError('SITE_INVALID', { where: `${path}, line ${line}`, reason: reasonOf(error) })
  }
  if (!values) throw new ToolError('SITE_INVALID', { where: path, reason: listExpected })
  return { items: locateByNumber(values, path), locate: () => readYaml(path, text) }
}

async function readModule(path: string): Promise<SiteItem[]> {
  const url = pathToFileURL(resolve(path)).href
  let loaded: { default?: unknown; properties?: unknown }
  try {
    const load = typeof importModule === 'function' ? importModule : (specifier: string) => import(specifier)
    loaded = (await load(url)) as typeof loaded
  } catch (error) {
    throw new ToolError('SITE_INVALID', { where: path, reason: reasonOf(error) }, { cause: error })
  }
  const values = listOf(loaded.default ?? loaded)
  if (values) return locateByNumber(values, path)
  throw new ToolError('SITE_INVALID', { where: path, reason: `${listExpected}, as default export` })
}

function locateByNumber(values: readonly unknown[], path: string): SiteItem[] {
  return values.map((value, index) => ({
    value,
    where: () => `${path}, property ${index + 1}`,
    directory: directoryOf(path),
  }))
}
