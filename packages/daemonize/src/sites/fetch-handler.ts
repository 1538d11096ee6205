// A handler as of fetch, behind a server of node:http.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FetchHandler, SiteContext } from './site-module.ts'

type Incoming = { req: IncomingMessage; res: ServerResponse; url: string }

/** False when the handler answers nothing: the request is not its own. */
export async function answerFetch(
  handler: FetchHandler,
  context: SiteContext,
  incoming: Incoming,
): Promise<boolean> {
  const { req, res } = incoming
  const abort = new AbortController()
  res.on('close', () => {
    if (!res.writableFinished) abort.abort()
  })
  const response = await handler(toRequest(incoming, abort.signal), context)
  if (response === undefined || response === null) return false
  if (!isResponse(response)) throw new TypeError('the handler did not answer with a Response')
  res.statusCode = response.status
  if (response.statusText) res.statusMessage = response.statusText
  for (const [name, value] of response.headers) if (name !== 'set-cookie') res.setHeader(name, value)
  const cookies = response.headers.getSetCookie()
  if (cookies.length > 0) res.setHeader('set-cookie', cookies)
  if (!response.body) res.end()
  else if (req.method === 'HEAD') {
    res.end()
    // Nobody reads it: what it holds open is let go.
    await response.body.cancel()
  } else await pipeline(Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]), res)
  return true
}

function toRequest({ req, url }: Incoming, signal: AbortSignal): Request {
  const headers = new Headers()
  for (let i = 0; i + 1 < req.rawHeaders.length; i += 2) {
    headers.append(req.rawHeaders[i] ?? '', req.rawHeaders[i + 1] ?? '')
  }
  const method = req.method ?? 'GET'
  const hasBody = method !== 'GET' && method !== 'HEAD'
  const body = hasBody ? { body: toBody(req), duplex: 'half' as const } : {}
  return new Request(url, { method, headers, signal, ...body } as RequestInit)
}

/**
 * Nothing of it is taken before somebody reads it: what the handler leaves is for the next site, or is discarded by
 * node:http, which Readable.toWeb() would keep from it, and the connection from its next request.
 */
function toBody(req: IncomingMessage): ReadableStream<Uint8Array> {
  let chunks: AsyncIterator<Buffer> | undefined
  return new ReadableStream(
    {
      async pull(controller) {
        chunks ??= req.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>
        const { done, value } = await chunks.next()
        if (done) controller.close()
        else controller.enqueue(new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.length))
      },
      async cancel() {
        await chunks?.return?.()
        req.resume()
      },
    },
    { highWaterMark: 0 },
  )
}

/** A module may bring a Response of its own kind. */
function isResponse(value: unknown): value is Response {
  return (
    value instanceof Response ||
    (typeof value === 'object' && value !== null && 'status' in value && 'headers' in value)
  )
}
