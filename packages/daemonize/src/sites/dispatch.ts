// One request: to the site that it is for, to the default host, or to nobody.
import { STATUS_CODES, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import { writeDiagnostic } from '@plumbline/common/cli/diagnose'
import { answerFetch } from './fetch-handler.ts'
import type { SiteContext, SiteModule } from './site-module.ts'
import {
  belowMount,
  parseAuthority,
  redirectLocation,
  type Authority,
  type Place,
  type SiteTable,
} from './virtual-hosts.ts'

export type LiveSite = Place & { context: SiteContext; module: SiteModule }

export type Dispatching = {
  table: SiteTable<LiveSite>
  redirect: string | undefined
  redirectStatus: number
}

type Target = { authority: Authority | undefined; path: string; secure: boolean; socketPort: number }

export async function dispatch(
  config: Dispatching,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  // It asks about the server, and no site (RFC 9110, 9.3.7).
  if (req.method === 'OPTIONS' && req.url === '*') return void res.writeHead(204).end()
  const target = readTarget(req)
  if (!target) return answer(res, 400, 'Bad Request')
  const sites = config.table.find(target.authority, target.socketPort, target.secure)
  if (!sites) return answerUnknown(config, target, res)
  for (const site of sites) {
    const rest = belowMount(site.url, target.path)
    if (rest !== undefined && (await ask(site, target, rest, req, res))) return undefined
  }
  return answer(res, 404, 'Not Found')
}

/** Undefined for a request whose host is no host, or not one, or whose target is none of ours (RFC 9112, 3.2). */
function readTarget(req: IncomingMessage): Target | undefined {
  const { localPort = 0 } = req.socket
  const secure = 'encrypted' in req.socket
  // A URL in the request line counts, not the Host header (RFC 9112, 3.2.2).
  const [, absolute, rest = ''] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(req.url ?? '') ?? []
  if (absolute !== undefined) req.headers.host = absolute
  const text = req.headers.host
  const authority = text ? parseAuthority(text) : undefined
  if ((text || absolute !== undefined) && !authority) return undefined
  if (req.rawHeaders.filter((each, index) => index % 2 === 0 && /^host$/i.test(each)).length > 1)
    return undefined
  const path = absolute === undefined ? (req.url ?? '/') : rest.startsWith('/') ? rest : `/${rest}`
  if (!path.startsWith('/')) return undefined
  return { authority, path, secure, socketPort: localPort }
}

function answerUnknown({ redirect, redirectStatus }: Dispatching, target: Target, res: ServerResponse): void {
  const location = redirect && redirectLocation(redirect, target)
  if (!location) return answer(res, 404, 'Not Found')
  return answer(res, redirectStatus, `See ${location}`, { Location: location })
}

/** True when the site has taken the request. */
async function ask(
  { module, context }: LiveSite,
  { path, secure }: Target,
  rest: string,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<boolean> {
  try {
    if ('fetch' in module) {
      // None of fetch's requests can be one.
      if (req.method === 'TRACE') return (answer(res, 501, 'Not Implemented'), true)
      const host = req.headers.host || 'localhost'
      return await answerFetch(module.fetch, context, {
        req,
        res,
        url: `${secure ? 'https' : 'http'}://${host}${path}`,
      })
    }
    // As a mounted Express application sees it.
    Object.assign(req, {
      originalUrl: path,
      baseUrl: path.slice(0, path.length - rest.length).replace(/\/$/, ''),
      url: rest,
    })
    return await new Promise<boolean>((resolve, reject) => {
      res.on('close', () => resolve(true))
      const next = (error?: unknown) => {
        if (error !== undefined && error !== null) reject(error)
        else if (!res.headersSent) resolve(false)
        else if (!res.writableEnded) reject(new Error('next() after the beginning of an answer'))
      }
      const returned = module.listener(req, res, next) as Promise<unknown> | undefined
      if (typeof returned?.then === 'function') returned.then(undefined, reject)
    })
  } catch (error) {
    if (!(req.socket.destroyed && isDeparture(error))) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      writeDiagnostic(`${context.module}: ${text}\n`)
    }
    answer(res, 500, 'Internal Server Error')
    return true
  }
}

/** What a client has to do with it that has gone away: there is nothing to mend, and any client could fill the log. */
function isDeparture(error: unknown): boolean {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown }
  return code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET' || name === 'AbortError'
}

/** What a module has ended to answer stays; what it has only begun can become nothing else, and is cut off. */
function answer(res: ServerResponse, status: number, text: string, headers: OutgoingHttpHeaders = {}): void {
  if (res.headersSent) {
    if (!res.writableEnded) res.destroy()
    return
  }
  // What it had set was for another answer: its length would take the next answer for a part of this one.
  for (const name of res.getHeaderNames()) if (name !== 'connection') res.removeHeader(name)
  const body = Buffer.from(`${text}\n`)
  const own = { ...headers, 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': body.length }
  res.writeHead(status, STATUS_CODES[status], own).end(body)
}
