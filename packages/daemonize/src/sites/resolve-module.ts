// Finds the file of a module: a path beside the configuration, or a name in one of `module_paths` (the last one
// first, as the seed's registry), else among installed packages.
import { existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { ToolError } from '@plumbline/common/error/tool-error'

const suffixes = ['', '.mjs', '.js', '.cjs', '.ts', '.mts', '.cts'] as const
const indexes = ['index.mjs', 'index.js', 'index.cjs', 'index.ts'] as const

/** Throws MODULE_NOT_FOUND. */
export function resolveModule(module: string, modulePaths: readonly string[], conf: string): string {
  const beside = dirname(conf)
  const folders = modulePaths.toReversed()
  if (isAbsolute(module) || /^\.\.?\//.test(module)) {
    const found = findFile(resolve(beside, module))
    if (found) return found
  } else {
    for (const folder of folders) {
      const found = findFile(join(folder, module))
      if (found) return found
    }
    for (const folder of [...folders, beside]) {
      try {
        return createRequire(`${folder}/`).resolve(module)
      } catch {
        // Not there.
      }
    }
  }
  throw new ToolError('MODULE_NOT_FOUND', { module, where: folders.length > 0 ? folders.join(', ') : beside })
}

function findFile(path: string): string | undefined {
  const file = suffixes.map((suffix) => path + suffix).find(isFile)
  if (file) return file
  if (existsSync(join(path, 'package.json'))) {
    try {
      return createRequire(`${path}/`).resolve(path)
    } catch {
      // Its main file is missing.
    }
  }
  return indexes.map((name) => join(path, name)).find(isFile)
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}
