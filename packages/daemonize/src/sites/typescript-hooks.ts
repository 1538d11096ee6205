// Module hooks (node:module, register()) for modules in TypeScript: types are removed, line numbers stay, and the
// result is kept in the service's cache folder under the digest of its source. Runs on the thread of the hooks.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { readCacheFile, writeCacheFile } from './cache-file.ts'

type Resolved = { url: string; format?: string | null; shortCircuit?: boolean }
type NextResolve = (specifier: string, context: object) => Promise<Resolved>
type Loaded = { format: string; source?: string; shortCircuit?: boolean }
type NextLoad = (url: string, context: object) => Promise<Loaded>

/** Of what removes the types: another one's results are not its own. */
const transformer = 'sucrase 3.35.1'
const typescript = /\.[cm]?ts$/

let folder: string | undefined

export function initialize(data: { folder: string | undefined }): void {
  folder = data.folder
}

/** TypeScript's own way to name a module is by what it will be: "./x.js" for x.ts. */
export async function resolve(specifier: string, context: object, next: NextResolve): Promise<Resolved> {
  try {
    return await next(specifier, context)
  } catch (error) {
    if (!/^(\.|\/|file:).*\.[cm]?js$/.test(specifier)) throw error
    return next(specifier.replace(/js$/, 'ts'), context).catch(() => {
      throw error
    })
  }
}

export async function load(url: string, context: object, next: NextLoad): Promise<Loaded> {
  if (!typescript.test(new URL(url).pathname) || !url.startsWith('file:')) return next(url, context)
  const path = fileURLToPath(url)
  const source = await removeTypes(readFileSync(path, 'utf8'), path)
  return { format: path.endsWith('.cts') ? 'commonjs' : 'module', source, shortCircuit: true }
}

async function removeTypes(source: string, path: string): Promise<string> {
  const key = createHash('sha256').update(transformer).update('\0').update(source).digest('hex')
  const kept = folder === undefined ? undefined : `${folder}/ts/${key}`
  const known = kept === undefined ? undefined : readCacheFile(kept)
  if (known) return known.toString('utf8')
  const code = await transformSource(source, path)
  if (kept !== undefined) writeCacheFile(kept, code)
  return code
}

/** Throws SyntaxError, which says where in the user's file, and not where in the transformer. */
async function transformSource(source: string, path: string): Promise<string> {
  const { transform } = await import('sucrase')
  try {
    return transform(source, { transforms: ['typescript'], disableESTransforms: true }).code
  } catch (error) {
    const { message = '', loc } = error as { message?: string; loc?: { line: number; column: number } }
    const syntax = new SyntaxError(message.replace(/ \(\d+:\d+\)$/, ''))
    syntax.stack = `${path}:${loc?.line ?? 1}:${loc?.column ?? 1}\nSyntaxError: ${syntax.message}`
    throw syntax
  }
}
