// The site, checked whole: all its applications, or every fault in them.
import { checkApplication, type Application, type Checked } from './check-application.ts'
import { properties } from './properties.ts'
import type { SiteFile, SiteItem } from './site/item.ts'
import { isFault, readSiteFile } from './site/read-file.ts'
import { parseWords } from './site/words.ts'

export type Site = { applications: Application[]; faults: string[] }

/** Files first, then what the command line gives, in order. A file that cannot be opened is thrown: INPUT_FAILED. */
export async function loadSite(
  paths: readonly string[],
  inline: readonly string[],
  unapply: boolean,
  signal?: AbortSignal,
): Promise<Site> {
  const site: Site = { applications: [], faults: [] }
  const add = (all: readonly Checked[]) => {
    for (const each of all) {
      if ('faults' in each) site.faults.push(...each.faults)
      else site.applications.push(each.application)
    }
  }
  for (const path of paths)
    await collect(site.faults, async () => add(await checkFile(await readSiteFile(path, signal), unapply)))
  for (const text of inline) {
    await collect(site.faults, async () => add([await checkApplication(parseInline(text), unapply)]))
  }
  return site
}

/** A file that is no site at all is one fault among those of the others. */
async function collect(faults: string[], work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!isFault(error)) throw error
    faults.push(error.message)
  }
}

async function checkFile({ items, fault, locate }: SiteFile, unapply: boolean): Promise<Checked[]> {
  const check = (all: readonly SiteItem[]) => Promise.all(all.map((item) => checkApplication(item, unapply)))
  const checked = await check(items)
  const faulty = checked.some((each) => 'faults' in each)
  const located = locate && faulty ? await check(await locate()) : checked
  return fault === undefined ? located : [...located, { faults: [fault] }]
}

function parseInline(text: string): SiteItem {
  const where = `-p '${text}'`
  const value = parseWords(text, where, (name) => properties.get(name))
  return { value, where: () => where, directory: process.cwd() }
}
