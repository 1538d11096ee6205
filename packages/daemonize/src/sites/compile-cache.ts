// Keeps what V8 compiles of CommonJS modules in the service's own cache folder, for the next start: in a file for
// each module its source, and behind it the code. Code is taken when the source is the same, and V8 refuses that of
// another version of itself, so that it is stale for nobody. (A digest instead would need node:crypto, which takes
// longer to load than most sites.) From Node 22 on, Node's own cache does it, for ES modules too; in Node 20 none can
// be made for those.
import { Module } from 'node:module'
import { dirname } from 'node:path'
import { constants, Script } from 'node:vm'
import { readCacheFile, writeCacheFile } from './cache-file.ts'

type Compile = (this: NodeModule, content: string, filename: string, format?: string) => unknown
type Internals = {
  prototype: { _compile: Compile }
  wrap(source: string): string
  _resolveFilename(request: string, parent: NodeModule, isMain: boolean, options?: object): string
  _cache: object
  createRequire(from: string): NodeJS.Require
  enableCompileCache?(folder: string): unknown
  flushCompileCache?(): void
}

const internals = Module as unknown as Internals

/** The end of a module's path is its file's name, as much of it as a name can hold. */
const nameMax = 200

export type CompileCache = {
  /** Writes what is new. */
  save(): void
  /** What import() gives of a CommonJS module, without the loader of ES modules, which takes 4 ms; else undefined. */
  load(path: string): { default: unknown } | undefined
}

export const noCompileCache: CompileCache = { save: () => undefined, load: () => undefined }

export function openCompileCache(folder: string): CompileCache {
  if (internals.enableCompileCache) {
    internals.enableCompileCache(`${folder}/v8`)
    return { save: () => internals.flushCompileCache?.(), load: () => undefined }
  }
  const fresh: { script: Script; path: string; content: Buffer }[] = []
  const compileAsNode = internals.prototype._compile
  const none = new Error('no CommonJS module')
  let isAskedFor = false
  internals.prototype._compile = function compile(text, filename, format) {
    const isEntry = isAskedFor
    isAskedFor = false
    const path = `${folder}/v8/${encodeURIComponent(filename).slice(-nameMax)}`
    const content = Buffer.from(text)
    const cachedData = codeOf(content, readCacheFile(path))
    const script = format === 'module' ? undefined : compileScript(text, filename, cachedData)
    if (!script) {
      if (isEntry) throw none
      return compileAsNode.call(this, text, filename, format)
    }
    if (!cachedData || script.cachedDataRejected) fresh.push({ script, path, content })
    const run = script.runInThisContext() as (...args: unknown[]) => unknown
    return run.call(this.exports, this.exports, makeRequire(this), this, filename, dirname(filename))
  }
  return {
    save() {
      for (const { script, path, content } of fresh.splice(0))
        writeCacheFile(path, Buffer.concat([content, script.createCachedData()]))
    },
    load(path) {
      if (!/\.c?js$/.test(path)) return undefined
      try {
        isAskedFor = true
        return { default: internals.createRequire(path)(path) }
      } catch (error) {
        if (error === none) return undefined
        throw error
      } finally {
        isAskedFor = false
      }
    },
  }
}

/** Undefined for what cannot be parsed as CommonJS: a module of ES that does not say so, or a mistake. */
function compileScript(text: string, filename: string, cachedData: Buffer | undefined): Script | undefined {
  try {
    return new Script(internals.wrap(text.replace(/^#!.*/, '')), {
      filename,
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
      ...(cachedData && { cachedData }),
    })
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function codeOf(content: Buffer, kept: Buffer | undefined): Buffer | undefined {
  return kept?.subarray(0, content.length).equals(content) ? kept.subarray(content.length) : undefined
}

/** What Node hands to each module as `require`. */
function makeRequire(module: NodeModule): object {
  const require = (id: string): unknown => module.require(id)
  const resolve = (request: string, options?: object) =>
    internals._resolveFilename(request, module, false, options)
  return Object.assign(require, { resolve, main: process.mainModule, cache: internals._cache })
}
