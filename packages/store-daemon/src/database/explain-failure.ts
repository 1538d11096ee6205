// What SQLite says about its files names neither them nor what is wrong with them.
import { accessSync, constants, existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'
import { ToolError } from '@plumbline/common/error/tool-error'

const damaged = 'it is damaged, or no database'
const reasons: Readonly<Record<string, string>> = {
  SQLITE_CORRUPT: damaged,
  SQLITE_NOTADB: damaged,
  SQLITE_FULL: 'no space left on device',
}

/** STORE_FAILED for an error of SQLite's that is no lock to be waited for; any other error as it is. */
export function explainFailure(error: unknown, file: string): unknown {
  const code = errnoOf(error)
  if (!code?.startsWith('SQLITE_') || code.startsWith('SQLITE_BUSY')) return error
  const reason =
    findUnwritable(file) ?? reasons[code] ?? (error instanceof Error ? error.message : String(error))
  return new ToolError(
    'STORE_FAILED',
    { reason: `cannot use database \`${file}': ${reason}` },
    { cause: error },
  )
}

/** SQLite writes beside the file too, and also for those who only read. */
function findUnwritable(file: string): string | undefined {
  const { R_OK, W_OK } = constants
  for (const path of [dirname(file), file, `${file}-wal`, `${file}-shm`]) {
    if (path !== file && !existsSync(path)) continue
    try {
      accessSync(path, R_OK | W_OK)
    } catch (error) {
      return `the daemon cannot write to \`${path}' (${reasonOf(error)})`
    }
  }
  return undefined
}
