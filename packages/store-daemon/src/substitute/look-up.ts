// Asks one server about items, many at a time.
import { setMaxListeners } from 'node:events'
import { ToolError } from '@plumbline/common/error/tool-error'
import { toToolError } from '@plumbline/common/error/translate'
import { maxNarinfo } from '@plumbline/common/store/narinfo'
import { hashPart } from '@plumbline/common/store/store-path'
import { readUrl } from '../download/open-url.ts'
import { makeTurns, type Job } from '../work/job.ts'
import { readClaim, type Claim } from './claim.ts'
import { threadClient } from './thread-client.ts'

export type LookUpArgs = {
  /** With a slash at its end. */
  server: string
  store: string
  paths: readonly string[]
  onlyPublic: boolean
  /** Whether the server has to be asked first whose items it has. */
  greet: boolean
}

/** Neither claim nor refusal: the server does not have it. */
export type Answer = { path: string; claim?: Claim; refusal?: string }

const parallel = 16
const batchMs = 20
const maxCacheInfo = 64 * 1024
const gone = new Set([403, 404, 410])

/** Sends lists of Answer. Throws DOWNLOAD_FAILED when the server cannot be asked, SUBSTITUTE_INVALID when it should not. */
export const lookUp: Job<LookUpArgs, void> = async (args, port) => {
  const { server, store, paths, onlyPublic, greet } = args
  const base = new URL(server)
  const cancelled = new AbortController()
  // Every request that is under way listens.
  setMaxListeners(0, cancelled.signal)
  port.onStop = () => cancelled.abort()
  const read = async (url: URL, maxBytes: number): Promise<string | undefined> => {
    try {
      const options = { signal: cancelled.signal, size: null, maxBytes, onlyPublic }
      return await readUrl(url, threadClient, options)
    } catch (error) {
      if (error instanceof ToolError && gone.has(Number(error.details['status']))) return undefined
      throw error
    }
  }
  const ask = async (path: string): Promise<Answer> => {
    const url = new URL(`${hashPart(store, path)}.narinfo`, base)
    try {
      const text = await read(url, maxNarinfo)
      return text === undefined ? { path } : { path, claim: readClaim(text, store, path, base) }
    } catch (error) {
      const known = toToolError(error)
      // What the server is to blame for concerns one item; what the way to it is, all of them.
      if (known.code === 'DOWNLOAD_FAILED' || known.code === 'CANCELLED') throw known
      return { path, refusal: known.message }
    }
  }
  if (greet) checkCacheInfo(await read(new URL('nix-cache-info', base), maxCacheInfo), store)
  await inParallel(paths, parallel, ask, (answers) => port.send(answers), cancelled)
}

/** A server without one is asked all the same: each narinfo says which store it is about. */
function checkCacheInfo(text: string | undefined, store: string): void {
  const found = /^StoreDir: *(.*?)\s*$/m.exec(text ?? '')?.[1]
  if (found === undefined || found === store) return
  throw new ToolError('SUBSTITUTE_INVALID', { reason: `it has items of \`${found}', not of \`${store}'` })
}

async function inParallel(
  paths: readonly string[],
  limit: number,
  ask: (path: string) => Promise<Answer>,
  send: (answers: Answer[]) => void,
  cancelled: AbortController,
): Promise<void> {
  const turn = makeTurns()
  const left = paths.toReversed()
  let done: Answer[] = []
  let sent = performance.now()
  const flush = () => {
    if (done.length > 0) send(done)
    done = []
    sent = performance.now()
  }
  const work = async () => {
    for (let path = left.pop(); path !== undefined && !cancelled.signal.aborted; path = left.pop()) {
      const answer = await ask(path)
      // The list may have been sent meanwhile.
      done.push(answer)
      if (performance.now() - sent > batchMs) flush()
      await turn()
    }
  }
  try {
    await Promise.all(Array.from({ length: limit }, work))
  } catch (error) {
    // The others need not go on.
    cancelled.abort()
    throw error
  } finally {
    flush()
  }
  if (cancelled.signal.aborted) throw new ToolError('CANCELLED', { what: 'The look-up' })
}
