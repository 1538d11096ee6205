// Keeps what V8 compiles of CommonJS modules in the service's own cache folder, for the next start. A file is named
// by the digest of the source and of Node's version, so that it can be stale for nobody. From Node 22 on, Node's own
// cache does it, for ES modules too; in Node 20 none can be made for those.
import { createHash } from 'node:crypto'
import Module from 'node:module'
import { dirname } from 'node:path'
import { constants, Script } from 'node:vm'
import { readCacheFile, writeCacheFile } from './cache-file.ts'

type Compile = (this: NodeModule, content: string, filename: string) => unknown
type Internals = {
  prototype: { _compile: Compile }
  wrap(source: string): string
  _resolveFilename(request: string, parent: NodeModule, isMain: boolean, options?: object): string
  _cache: object
  enableCompileCache?(folder: string): unknown
  flushCompileCache?(): void
}

const internals = Module as unknown as Internals

export type CompileCache = { /** Writes what is new. */ save(): void }

export function openCompileCache(folder: string): CompileCache {
  if (internals.enableCompileCache) {
    internals.enableCompileCache(`${folder}/v8`)
    return { save: () => internals.flushCompileCache?.() }
  }
  const fresh: { script: Script; path: string }[] = []
  internals.prototype._compile = function compile(content, filename) {
    const source = internals.wrap(content.replace(/^#!.*/, ''))
    const key = createHash('sha256').update(process.version).update(source).digest('hex')
    const path = `${folder}/v8/${key}`
    const cachedData = readCacheFile(path)
    const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER
    const script = new Script(source, {
      filename,
      importModuleDynamically,
      ...(cachedData && { cachedData }),
    })
    if (!cachedData || script.cachedDataRejected) fresh.push({ script, path })
    const run = script.runInThisContext() as (...args: unknown[]) => unknown
    return run.call(this.exports, this.exports, makeRequire(this), this, filename, dirname(filename))
  }
  return {
    save() {
      for (const { script, path } of fresh.splice(0)) writeCacheFile(path, script.createCachedData())
    },
  }
}

/** What Node hands to each module as `require`. */
function makeRequire(module: NodeModule): object {
  const require = (id: string): unknown => module.require(id)
  const resolve = (request: string, options?: object) =>
    internals._resolveFilename(request, module, false, options)
  return Object.assign(require, { resolve, main: process.mainModule, cache: internals._cache })
}
