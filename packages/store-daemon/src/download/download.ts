// The bytes behind an http(s) URL, whatever happens on the way: a download that is cut off goes on where it was
// (RFC 9110 §14), and what may pass is tried again, after longer and longer pauses.
import { setTimeout as sleep } from 'node:timers/promises'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { HttpClient, HttpResponse } from './http-client.ts'

export type DownloadOptions = {
  signal: AbortSignal
  /** How many bytes it is, if that is known: more are refused at once. */
  size: number | null
  /** No more in any case. */
  maxBytes: number
  /** Told once, before the first byte; `size` is null where the server does not say. */
  onStart?: (size: number | null) => void
}

/** Attempts without a new byte, and in all. */
const maxFruitless = 5
const maxAttempts = 30
const firstPauseMs = 100
const longestPauseMs = 10_000

type Progress = { offset: number; total: number | null; validator: string | undefined; started: boolean }

/** Throws DOWNLOAD_FAILED when trying again has not helped, and DOWNLOAD_REFUSED with the server's `status`. */
export async function* download(
  client: HttpClient,
  url: URL,
  options: DownloadOptions,
): AsyncGenerator<Buffer, void> {
  const progress: Progress = { offset: 0, total: options.size, validator: undefined, started: false }
  let fruitless = 0
  for (let attempts = 1; ; attempts++) {
    const before = progress.offset
    try {
      yield* attempt(client, url, options, progress)
      return
    } catch (error) {
      fruitless = progress.offset > before ? 0 : fruitless + 1
      const isTransient = error instanceof ToolError && error.retryable && error.code !== 'CANCELLED'
      if (!isTransient || fruitless >= maxFruitless || attempts >= maxAttempts) throw error
      await pause(error, fruitless, options.signal)
    }
  }
}

async function* attempt(
  client: HttpClient,
  url: URL,
  options: DownloadOptions,
  progress: Progress,
): AsyncGenerator<Buffer, void> {
  const { offset, validator } = progress
  const resume = offset > 0 && { range: `bytes=${offset}-`, ...(validator && { 'if-range': validator }) }
  const response = await client.get(url, { ...resume }, options.signal)
  if (response.status !== 200 && response.status !== 206) {
    await response.discard()
    throw statusError(response, url)
  }
  let skip = begin(response, url, options, progress)
  const limit = Math.min(options.maxBytes, progress.total ?? Infinity)
  for await (const chunk of response.chunks()) {
    const rest = skip > 0 ? chunk.subarray(skip) : chunk
    skip -= chunk.length - rest.length
    progress.offset += rest.length
    if (progress.offset > limit) throw refused(url, `it is longer than ${limit} bytes`)
    if (rest.length > 0) yield rest
  }
  if (progress.total !== null && progress.offset < progress.total) {
    throw failed(url, `it ended after ${progress.offset} of ${progress.total} bytes`)
  }
}

/** Takes note of what the head says. How many bytes of the body are here already. */
function begin(response: HttpResponse, url: URL, options: DownloadOptions, progress: Progress): number {
  const isPart = response.status === 206
  const length = Number(response.header('content-length') ?? NaN)
  const range = /^bytes ([0-9]+)-[0-9]+\/([0-9]+|\*)$/.exec(response.header('content-range') ?? '')
  if (isPart && Number(range?.[1]) !== progress.offset)
    throw refused(url, 'it sends another part of the file')
  const total = isPart ? Number(range?.[2]) : length
  if (Number.isSafeInteger(total)) {
    if (progress.total !== null && progress.total !== total) {
      throw refused(url, `it has ${total} bytes, not ${progress.total}`)
    }
    progress.total = total
  }
  // Weak ones do not promise the same bytes (RFC 9110 §13.1.5).
  const tag = response.header('etag')
  progress.validator = tag && !tag.startsWith('W/') ? tag : response.header('last-modified')
  if (!progress.started) options.onStart?.(progress.total)
  progress.started = true
  // A server that knows no ranges sends all of it again.
  return isPart ? 0 : progress.offset
}

function statusError(response: HttpResponse, url: URL): ToolError {
  const { status } = response
  const isTransient = status >= 500 || status === 408 || status === 429
  const details = {
    url: url.href,
    status,
    reason: `the server answers ${status}`,
    retryAfter: Number(response.header('retry-after') ?? 0),
  }
  return new ToolError(isTransient ? 'DOWNLOAD_FAILED' : 'DOWNLOAD_REFUSED', details)
}

/** Doubled each time, with some chance in it so that many that failed together do not come back together. */
async function pause({ details }: ToolError, fruitless: number, signal: AbortSignal): Promise<void> {
  const asked = Number(details['retryAfter'] ?? 0) * 1000
  const doubled = firstPauseMs * 2 ** fruitless * (0.5 + Math.random() / 2)
  const ms = Math.min(Math.max(Number.isFinite(asked) ? asked : 0, doubled), longestPauseMs)
  try {
    await sleep(ms, undefined, { signal })
  } catch {
    throw new ToolError('CANCELLED', { what: 'The download' })
  }
}

function failed(url: URL, reason: string): ToolError {
  return new ToolError('DOWNLOAD_FAILED', { url: url.href, reason })
}

function refused(url: URL, reason: string): ToolError {
  return new ToolError('DOWNLOAD_REFUSED', { url: url.href, reason })
}
