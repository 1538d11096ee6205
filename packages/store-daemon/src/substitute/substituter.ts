// What builds ask of substitute servers: what they have, and to hand an item over.
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Session } from '../session.ts'
import { fetchItem } from './fetch-item.ts'
import { findOffers, type Offer } from './find-offers.ts'

export type SubstituteInfo = {
  path: string
  deriver: string | null
  references: readonly string[]
  /** Bytes to download, and of the nar; 0 when unknown. */
  downloadSize: number
  narSize: number
}

export type FetchOptions = {
  /**
   * Text for the clients that wait, as of a session. All lines about the substitute go here, those for programs
   * (`@ substituter-started …`, `@ download-progress …`, `@ substituter-failed …`) as the session's settings want them.
   */
  log: (level: number, text: string) => void
  signal: AbortSignal
  /** Replaces an item that is valid but corrupt, atomically. */
  repair: boolean
}

export interface Substituter {
  /** What can be had of `paths`; asking in batches is cheaper. What cannot be is not in the map, and no error. */
  query(paths: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, SubstituteInfo>>
  /**
   * Makes a path valid: takes its lock, downloads, verifies, unpacks, registers. Its references are valid already, and
   * it is a temporary root of the session. Throws STORE_FAILED with the item named.
   */
  fetch(info: SubstituteInfo, options: FetchOptions): Promise<void>
}

/** The servers that this client uses; with substitutes turned off, none. */
export function openSubstituter(session: Session): Substituter {
  const offers = new Map<string, Offer>()
  const query = async (paths: readonly string[], signal: AbortSignal) => {
    const found = await findOffers(session, paths, signal)
    for (const [path, offer] of found) offers.set(path, offer)
    return new Map([...found].map(([path, offer]) => [path, describe(offer)]))
  }
  return {
    query,
    async fetch(info, options) {
      const { path } = info
      if (!offers.has(path)) await query([path], options.signal)
      const offer = offers.get(path)
      if (!offer) throw new ToolError('STORE_FAILED', { reason: `there is no substitute of \`${path}'` })
      await fetchItem(session, offer, options)
    },
  }
}

function describe({ claim, sources }: Offer): SubstituteInfo {
  const { path, deriver, references, narSize } = claim
  const sizes = sources.flatMap(({ claim: { locations } }) =>
    locations.map(({ compression, fileSize }) => fileSize ?? (compression === 'none' ? narSize : 0)),
  )
  const [least = 0] = sizes.filter((size) => size > 0).sort((a, b) => a - b)
  return { path, deriver, references, narSize, downloadSize: least }
}
