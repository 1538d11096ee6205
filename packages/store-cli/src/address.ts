// Where a store daemon is, as a URI or file name.
// Pure: no I/O.
import { join } from 'node:path'
import { ToolError } from '@plumbline/common/error/tool-error'

export type Address =
  | { kind: 'unix'; path: string }
  | { kind: 'tcp'; host: string; port: number }
  | { kind: 'ssh'; destination: string; user: string | undefined; host: string; port: number | undefined }

const defaultPort = 44146
type Environment = Readonly<Record<string, string | undefined>>

/** PATH, file:///PATH, unix:///PATH, guix://HOST[:PORT], ssh://[USER@]HOST[:PORT]. Throws USAGE. */
export function parseAddress(text: string): Address {
  if (!/^[a-z]+:\/\//.test(text)) return { kind: 'unix', path: text }
  const invalid = () => new ToolError('USAGE', { reason: `"${text}" is no address of a store daemon` })
  const decode = (part: string) => {
    try {
      return decodeURIComponent(part)
    } catch {
      throw invalid()
    }
  }
  const url = URL.canParse(text) ? new URL(text) : undefined
  const port = url?.port ? Number(url.port) : undefined
  const host = url?.hostname.replace(/^\[(.*)\]$/, '$1') ?? ''
  switch (url?.protocol) {
    case 'file:':
    case 'unix:':
      return { kind: 'unix', path: decode(url.pathname) }
    case 'guix:':
      if (host) return { kind: 'tcp', host, port: port ?? defaultPort }
      break
    case 'ssh:':
      if (host) {
        const user = url.username ? decode(url.username) : undefined
        return { kind: 'ssh', destination: text, user, host, port }
      }
  }
  throw invalid()
}

/** The daemon to ask when none is named: $GUIX_DAEMON_SOCKET, else the local one. */
export function defaultAddress(environment: Environment, uid: number): string {
  const given = environment['GUIX_DAEMON_SOCKET']
  if (given) return given
  const state =
    environment['GUIX_STATE_DIRECTORY'] ??
    (uid === 0
      ? '/var/guix'
      : join(environment['XDG_STATE_HOME'] ?? join(environment['HOME'] ?? '/', '.local/state'), 'plumbline'))
  return join(state, 'daemon-socket/socket')
}
