// HTTP and HTTPS: the only file that imports undici.
//
// undici and not node:http: it keeps connections, bounds how long each step may take, and goes through the proxies
// that http_proxy, https_proxy and no_proxy name. Redirects are followed here, because where they lead is checked.
import type { Dispatcher, EnvHttpProxyAgent, request } from 'undici'
import { readFileSync } from 'node:fs'
import { env } from 'node:process'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'

export type HttpOptions = {
  /** How long nothing may come from the server, in ms. */
  idleMs: number
  /** Whether certificates are checked, against SSL_CERT_FILE where that is set. */
  verify: boolean
  /** Connections to one server at a time. */
  connections: number
}

export type HttpResponse = {
  /** Where the redirects led. */
  url: URL
  status: number
  header: (name: string) => string | undefined
  /** Throws DOWNLOAD_FAILED when the server stops in the middle. */
  chunks: () => AsyncGenerator<Buffer, void>
  /** Has no use for the body. */
  discard: () => Promise<void>
}

const maxRedirects = 10
const connectMs = 10_000
const maxDiscarded = 64 * 1024
const userAgent = `plumbline-store-daemon`

export class HttpClient {
  readonly #request: typeof request
  readonly #dispatcher: EnvHttpProxyAgent

  private constructor(send: typeof request, dispatcher: EnvHttpProxyAgent) {
    this.#request = send
    this.#dispatcher = dispatcher
  }

  /** Throws DOWNLOAD_REFUSED when SSL_CERT_FILE or a proxy's address cannot be used. */
  static async open({ idleMs, verify, connections }: HttpOptions): Promise<HttpClient> {
    const undici = await import('undici')
    try {
      const file = env['SSL_CERT_FILE']
      const tls = { rejectUnauthorized: verify, ...(verify && file && { ca: readFileSync(file, 'latin1') }) }
      const dispatcher = new undici.EnvHttpProxyAgent({
        connections,
        headersTimeout: idleMs,
        bodyTimeout: idleMs,
        connect: { timeout: Math.min(connectMs, idleMs), ...tls },
        requestTls: tls,
        // A proxy forwards http:// by itself; many refuse a tunnel to port 80.
        proxyTunnel: false,
      })
      return new HttpClient(undici.request, dispatcher)
    } catch (error) {
      throw new ToolError('DOWNLOAD_REFUSED', { url: 'anything', reason: reasonOf(error) }, { cause: error })
    }
  }

  /** Throws DOWNLOAD_FAILED, which may be tried again, and DOWNLOAD_REFUSED. */
  async get(
    from: URL,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    let url = from
    for (let redirects = 0; ; redirects++) {
      const response = await this.#send(url, headers, signal)
      const location = response.header('location')
      if (response.status < 300 || response.status > 399 || location === undefined) return response
      await response.discard()
      const refuse = (reason: string) => new ToolError('DOWNLOAD_REFUSED', { url: from.href, reason })
      if (redirects === maxRedirects) throw refuse(`more than ${maxRedirects} redirects`)
      if (!URL.canParse(location, url.href)) throw refuse(`it is redirected to ${JSON.stringify(location)}`)
      url = new URL(location, url)
      // Never to a file of this machine.
      if (!/^https?:$/.test(url.protocol)) throw refuse(`it is redirected to ${url.protocol}`)
    }
  }

  close(): Promise<void> {
    return this.#dispatcher.destroy()
  }

  async #send(
    url: URL,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    let response: Dispatcher.ResponseData
    try {
      response = await this.#request(url, {
        dispatcher: this.#dispatcher,
        headers: { 'user-agent': userAgent, ...headers },
        signal,
      })
    } catch (error) {
      throw translate(error, url, signal)
    }
    const { body } = response
    return {
      url,
      status: response.statusCode,
      header: (name) => {
        const value = response.headers[name]
        return Array.isArray(value) ? value[0] : value
      },
      chunks: async function* () {
        try {
          for await (const chunk of body) yield chunk as Buffer
        } catch (error) {
          throw translate(error, url, signal)
        }
      },
      discard: () => body.dump({ limit: maxDiscarded }).catch(() => undefined),
    }
  }
}

/** Errors of names and certificates, that the next moment will not have mended. */
const lasting = /^(ENOTFOUND|UND_ERR_INVALID_ARG|ERR_TLS|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_)/

function translate(error: unknown, url: URL, signal: AbortSignal): unknown {
  if (error instanceof ToolError) return error
  if (signal.aborted) return new ToolError('CANCELLED', { what: 'The download' })
  const code = errnoOf(error) ?? ''
  const details = { url: url.href, reason: reasonOf(error) }
  return new ToolError(lasting.test(code) ? 'DOWNLOAD_REFUSED' : 'DOWNLOAD_FAILED', details, { cause: error })
}
