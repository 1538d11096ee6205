// How a service is to be known to be ready.
// Pure: no I/O.
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Config } from './config.ts'

export type Ready =
  | { kind: 'exec' | 'notify' }
  | { kind: 'delay'; ms: number }
  | { kind: 'fd'; fd: number }
  | { kind: 'port'; host: string; port: number }
  | { kind: 'socket'; path: string }
  | { kind: 'http'; url: string; status: number | undefined }
  | { kind: 'line'; pattern: RegExp }

export function resolveReady(config: Config, at: (file: string) => string): Ready {
  // Long enough to see a service that cannot run at all, short enough not to be in anyone's way.
  const ready = config.ready ?? { delay: 250 }
  if (typeof ready === 'string') return { kind: ready }
  if ('delay' in ready) return { kind: 'delay', ms: ready.delay }
  if ('fd' in ready) return { kind: 'fd', fd: requireFree(ready.fd, config.listen?.length ?? 0) }
  if ('port' in ready) return { kind: 'port', port: ready.port, host: ready.host ?? '127.0.0.1' }
  if ('socket' in ready) return { kind: 'socket', path: at(ready.socket) }
  if ('http' in ready) return { kind: 'http', url: ready.http, status: ready.status }
  return { kind: 'line', pattern: toPattern(ready.line) }
}

/** The listening sockets are 3 and those after it. */
function requireFree(fd: number, sockets: number): number {
  if (fd >= 3 + sockets) return fd
  const reason = `descriptor ${fd} is a socket of "listen": expected ${3 + sockets} or more`
  throw new ToolError('CONFIG_INVALID', { where: 'ready.fd', reason })
}

function toPattern(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : error
    throw new ToolError('CONFIG_INVALID', { where: 'ready.line', reason }, { cause: error })
  }
}
