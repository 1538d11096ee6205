// Gets an item's tree from the first place that has it as it should be: other compressions and other servers are
// tried when one fails.
import { ToolError } from '@plumbline/common/error/tool-error'
import { toToolError } from '@plumbline/common/error/translate'
import type { Session } from '../session.ts'
import type { Location } from './claim.ts'
import type { Deadline } from './deadline.ts'
import { isKnownCompression, knownCompressions } from './decompress.ts'
import type { FetchArgs, FetchProgress, Fetched } from './fetch-nar.ts'
import type { Offer } from './find-offers.ts'
import type { Server } from './servers.ts'
import { sharedState } from './shared-state.ts'
import type { FetchOptions } from './substituter.ts'
import { formatTrace } from './trace.ts'

type Place = { server: Server; location: Location }

/** `target` is there when it resolves, and not when it rejects. Throws why the best place failed. */
export async function fetchInto(
  session: Session,
  offer: Offer,
  target: string,
  options: FetchOptions,
  deadline: Deadline,
): Promise<Fetched> {
  const places = offer.sources.flatMap(({ server, claim }) =>
    sortLocations(claim.locations).map((location) => ({ server, location })),
  )
  let first: ToolError | undefined
  for (const place of places) {
    try {
      return await fetchFrom(session, offer, target, options, deadline, place)
    } catch (error) {
      if (deadline.signal.aborted) throw error
      const known = toToolError(error)
      if (known.code === 'INTERNAL') throw known
      first ??= known
      sharedState(session.store).answers.forget(place.server.url, offer.claim.path)
      options.log(1, `cannot use ${place.location.url}: ${known.message}`)
    }
  }
  if (first) throw first
  const names = [...new Set(offer.claim.locations.map(({ compression }) => compression))].join(', ')
  const reason = `it is compressed with ${names}; supported are ${knownCompressions.join(', ')}`
  throw new ToolError('SUBSTITUTE_INVALID', { reason })
}

async function fetchFrom(
  session: Session,
  { claim: { path, narHash, narSize } }: Offer,
  target: string,
  { log, repair }: FetchOptions,
  deadline: Deadline,
  { server, location }: Place,
): Promise<Fetched> {
  const { store, deduplicate } = session.store.config
  const { url } = location
  const { settings } = session.options
  const setting =
    settings.get('untrusted-print-extended-build-trace') ?? settings.get('print-extended-build-trace')
  const isTraced = setting === '1'
  let started = false
  const onProgress = ({ done, size }: FetchProgress) => {
    deadline.touch()
    if (!started)
      log(
        isTraced ? 0 : 1,
        isTraced ? formatTrace.downloadStarted(path, url, size) : `downloading from ${url} ...`,
      )
    else if (isTraced) log(0, formatTrace.downloadProgress(path, url, size, done))
    started = true
  }
  const args: FetchArgs = {
    store,
    target,
    // A link to what an earlier copy of the item shares would bring its faults back.
    deduplicate: deduplicate && !repair,
    narHash,
    narSize,
    location,
    onlyPublic: server.onlyPublic,
  }
  const job = session.store.pool.start<Fetched>('fetchNar', args, (progress) =>
    onProgress(progress as FetchProgress),
  )
  const stop = () => job.stop()
  deadline.signal.addEventListener('abort', stop, { once: true })
  try {
    if (deadline.signal.aborted) stop()
    const fetched = await job.result
    if (isTraced) log(0, formatTrace.downloadSucceeded(path, url, fetched.downloaded))
    return fetched
  } finally {
    deadline.signal.removeEventListener('abort', stop)
  }
}

/** What can be read, the least to download first; a plain file of this machine before all. */
function sortLocations(locations: readonly Location[]): Location[] {
  const cost = ({ url, compression, fileSize }: Location) =>
    url.startsWith('file:') && compression === 'none' ? 0 : (fileSize ?? Infinity)
  return locations
    .filter(({ compression }) => isKnownCompression(compression))
    .toSorted((a, b) => Math.sign(cost(a) - cost(b)) || 0)
}
