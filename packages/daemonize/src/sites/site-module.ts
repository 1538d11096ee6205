// What a module may be, brought to one shape. A site is one of
//   (req, res[, next]) => …               a request listener of node:http, Express and the like
//   (request) => Response                 a handler as of fetch, told by having one parameter; or { fetch }
//   { init?, handle, close? }             either of them, with a beginning and an end
//   an http.Server that does not listen
// and is the module's default export, or made of its named ones, or registered by defineSite() under a name.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ToolError } from '@plumbline/common/error/tool-error'

export type SiteContext = Readonly<{
  name: string
  module: string
  host: string | null
  port: number
  url: string
}>

/** Calls `next` when the request is not its own, or with what went wrong. */
export type Listener = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => unknown
export type FetchHandler = (request: Request, context: SiteContext) => unknown

export type SiteModule = {
  init: (context: SiteContext) => unknown
  close: (context: SiteContext) => unknown
} & ({ listener: Listener } | { fetch: FetchHandler })

type Functions = Record<string, ((...args: never[]) => unknown) | undefined>

const nothing = () => undefined
const defined = new Map<string, unknown>()

/** For modules that are loaded for what they register: a global, as the seed's defsite. */
export function provideDefineSite(): void {
  Object.assign(globalThis, { defineSite: (name: string, site: unknown) => void defined.set(name, site) })
}

export function findDefinedSite(name: string): unknown {
  return defined.get(name)
}

/** Throws MODULE_INVALID. */
export function toSiteModule(exported: unknown, name: string): SiteModule {
  const { default: given = exported } = (exported ?? {}) as { default?: unknown }
  // Compilers that make CommonJS of an ES module leave this mark, and its default export below what is exported.
  const compiled = (given ?? {}) as { __esModule?: boolean; default?: unknown }
  const whole = compiled.__esModule ? (compiled.default ?? given) : given
  if (typeof whole === 'function')
    return { init: nothing, close: nothing, ...toHandler(whole as Functions[string] & object) }
  const { init, close, fetch, handle, handler, emit, listen } = (whole ?? {}) as Functions
  const life = {
    init: (context: SiteContext) => (init as SiteModule['init'] | undefined)?.call(whole, context),
    close: (context: SiteContext) =>
      listen ? undefined : (close as SiteModule['close'] | undefined)?.call(whole, context),
  }
  if (typeof emit === 'function' && typeof listen === 'function') {
    const server = whole as { emit(event: string, ...args: unknown[]): boolean }
    return { init: nothing, close: nothing, listener: (req, res) => server.emit('request', req, res) }
  }
  if (typeof fetch === 'function') return { ...life, fetch: (fetch as FetchHandler).bind(whole as object) }
  const own = handle ?? handler
  if (typeof own === 'function') return { ...life, ...toHandler(own, whole as object) }
  throw new ToolError('MODULE_INVALID', { module: name })
}

function toHandler(
  own: (...args: never[]) => unknown,
  self?: object,
): { listener: Listener } | { fetch: FetchHandler } {
  const bound = self ? (own.bind(self) as typeof own) : own
  return own.length >= 2 ? { listener: bound as Listener } : { fetch: bound as unknown as FetchHandler }
}
