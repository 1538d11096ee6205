// The numbers of users and groups by name, where the files of this machine are the first to be asked for them
// (nsswitch.conf(5)); what else may know them is not asked.
import { readFileSync } from 'node:fs'

type Database = 'passwd' | 'group'

const known = new Map<Database, ReadonlyMap<string, string>>()

/** As text; a number is itself. Undefined when only a lookup can tell. */
export function findNumber(database: Database, name: string): string | undefined {
  if (/^\d+$/.test(name)) return name
  const numbers = known.get(database) ?? readNumbers(database)
  known.set(database, numbers)
  return numbers.get(name)
}

function readNumbers(database: Database): ReadonlyMap<string, string> {
  if (!areFilesFirst(database)) return new Map()
  const fields = readLines(`/etc/${database}`).map((line) => line.split(':'))
  // The first of a name is the one that counts.
  return new Map(fields.toReversed().map(([name = '', , number = '']) => [name, number]))
}

function areFilesFirst(database: Database): boolean {
  const line = readLines('/etc/nsswitch.conf').find((each) => each.startsWith(`${database}:`))
  return line === undefined || /^\w+:\s*files\b/.test(line)
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'latin1').split('\n')
  } catch {
    return []
  }
}
