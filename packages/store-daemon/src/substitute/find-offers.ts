// Who offers an item, and can be believed: servers are asked in order, until one has signed with a trusted key.
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import { readTrustedKeys } from '../operations/signing.ts'
import type { Session } from '../session.ts'
import { isSameItem, type Claim } from './claim.ts'
import type { Answer, LookUpArgs } from './look-up.ts'
import { serversOf, type Server } from './servers.ts'
import { sharedState } from './shared-state.ts'

/** A claim that can be trusted, and every server that makes the same one. */
export type Offer = { claim: Claim; sources: readonly { server: Server; claim: Claim }[] }

type Refusal = { server: Server; path: string; reason: string }

const maxNamed = 5

/** Offers by path; what has none is not in the map. */
export async function findOffers(
  session: Session,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, Offer>> {
  const offers = new Map<string, Offer>()
  const servers = serversOf(session)
  if (servers.length === 0 || paths.length === 0) return offers
  const trusted = readTrustedKeys(session.store.config)
  const claims = new Map<string, { server: Server; claim: Claim }[]>()
  const refusals: Refusal[] = []
  for (const server of servers) {
    const left = paths.filter((path) => !offers.has(path))
    if (left.length === 0) break
    for (const { path, claim, refusal } of await askServer(session, server, left, signal)) {
      if (refusal !== undefined) refusals.push({ server, path, reason: refusal })
      if (!claim) continue
      const others = claims.get(path) ?? []
      others.push({ server, claim })
      claims.set(path, others)
      const { signer, unsigned } = claim
      if (signer !== null && trusted.has(signer)) offers.set(path, { claim, sources: [] })
      else refusals.push({ server, path, reason: unsigned ?? `unauthorized public key: ${signer}` })
    }
  }
  // Of what another server offers instead, only those are told who want to know.
  logRefusals(
    session,
    1,
    refusals.filter(({ path }) => offers.has(path)),
  )
  logRefusals(
    session,
    0,
    refusals.filter(({ path }) => !offers.has(path)),
  )
  for (const [path, { claim }] of offers) {
    const sources = (claims.get(path) ?? []).filter((source) => isSameItem(source.claim, claim))
    offers.set(path, { claim, sources })
  }
  return offers
}

/** What the server says of `paths`, from memory where that is fresh. A server that cannot be asked has nothing. */
async function askServer(
  session: Session,
  server: Server,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<Answer[]> {
  const { answers } = sharedState(session.store)
  const known = paths.flatMap((path) => answers.get(server.url, path) ?? [])
  const isKnown = new Set(known.map(({ path }) => path))
  const unknown = paths.filter((path) => !isKnown.has(path))
  const state = answers.server(server.url)
  if (unknown.length === 0 || state?.problem !== undefined) return known
  const found: Answer[] = []
  const job = session.store.pool.start(
    'lookUp',
    {
      server: server.url,
      store: session.store.config.store,
      paths: unknown,
      onlyPublic: server.onlyPublic,
      greet: state === undefined,
    } satisfies LookUpArgs,
    (batch) => found.push(...(batch as Answer[])),
  )
  const stop = () => job.stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    await job.result
    answers.setServer(server.url, undefined)
  } catch (error) {
    if (signal.aborted || !(error instanceof ToolError)) throw error
    answers.setServer(server.url, error.message)
    session.log(0, `substitute server \`${server.url}' is not used: ${reasonOf(error)}`)
  } finally {
    signal.removeEventListener('abort', stop)
  }
  for (const answer of found) answers.add(server.url, answer)
  return [...known, ...found]
}

/** One line for all items that are refused for the same reason: there may be thousands. */
function logRefusals({ log }: Session, level: number, refusals: readonly Refusal[]): void {
  const byReason = new Map<string, Refusal[]>()
  for (const refusal of refusals) {
    const text = `from \`${refusal.server.url}' is refused: ${refusal.reason.trim()}`
    const same = byReason.get(text)
    if (same) same.push(refusal)
    else byReason.set(text, [refusal])
  }
  for (const [text, same] of byReason) {
    const named = same.slice(0, maxNamed).map(({ path }) => `\`${path}'`)
    const more = same.length > maxNamed ? ` and ${same.length - maxNamed} more` : ''
    log(level, `substitute of ${named.join(', ')}${more} ${text}`)
  }
}
