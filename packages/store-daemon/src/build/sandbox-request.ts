// What the sandbox program is asked to run: fields ended by NUL, as sandbox/request.c reads them.
// Pure: no I/O.
import { ToolError } from '@plumbline/common/error/tool-error'

export type SandboxUser = { uid: number; gid: number; groups: readonly number[] }

export type SandboxRequest = {
  builder: string
  /** With the name of the program, as argv[0]. */
  args: readonly string[]
  /** NAME=VALUE */
  environment: readonly string[]
  directory: string
  /** Who the builder is; undefined is the daemon's own user. */
  user: SandboxUser | undefined
  /** Letters of m (mount) p (process) i (IPC) u (host name) n (network) U (user). */
  namespaces: string
  /** Letters of r (addresses are not random) 3 (32 bits) 2 (Linux 2.6). */
  personality: string
  /** Any directory, where the root is put together, and how; see sandbox/build-root.c. */
  root: { path: string; initial: readonly string[]; steps: readonly string[] } | undefined
  /** What is made before, and outlives the namespaces. */
  outside: readonly string[]
  /** What is removed when the build is done with, or the daemon has died. */
  removed: readonly string[]
}

/** All strings are byte strings. Throws STORE_FAILED: no program can be given a NUL. */
export function formatSandboxRequest(request: SandboxRequest): Buffer {
  const { builder, args, environment, directory, user, namespaces, personality, root, outside, removed } =
    request
  const fields = [
    // What requests of one kind share comes first.
    `N${namespaces}`,
    ...(root ? [`R${root.path}`, ...root.initial.map((step) => `I${step}`)] : []),
    `B${builder}`,
    ...args.map((arg) => `A${arg}`),
    ...environment.map((variable) => `E${variable}`),
    `D${directory}`,
    ...(user ? [`U${user.uid}:${user.gid}`, ...user.groups.map((group) => `G${group}`)] : []),
    `P${personality}`,
    ...outside.map((step) => `O${step}`),
    ...removed.map((path) => `X${path}`),
    ...(root?.steps ?? []).map((step) => `S${step}`),
  ]
  const nul = fields.find((field) => field.includes('\0'))
  if (nul !== undefined) {
    throw new ToolError('STORE_FAILED', { reason: `\`${nul.slice(1).split('\0')[0]}' holds a NUL byte` })
  }
  return Buffer.from(`${fields.join('\0')}\0`, 'latin1')
}
