// What a site file holds, before it is checked: values, and where each was written.
// Pure: no I/O.

export type SiteItem = {
  value: unknown
  /** "site.ndjson, line 3"; of a field, where that is known. */
  where: (field?: string) => string
  /** Relative paths of this machine in the item start here. */
  directory: string
}

export type SiteFile = {
  items: SiteItem[]
  /** What ended the reading: the items are those before it. */
  fault?: string
  /** The same items with lines, where finding them takes so long that it is done only to report errors. */
  locate?: () => Promise<SiteItem[]>
}

/** The applications in a parsed document: a list, an object with a list `properties`, or one application. */
export function listOf(document: unknown): unknown[] | undefined {
  if (Array.isArray(document)) return document
  if (typeof document !== 'object' || document === null) return undefined
  const { properties } = document as { properties?: unknown }
  if (Array.isArray(properties)) return properties
  return 'property' in document ? [document] : undefined
}

export const listExpected = 'expected a list of properties, or an object with a list "properties"'
