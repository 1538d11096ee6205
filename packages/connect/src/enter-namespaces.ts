// Enters a hop of kind posix that leads into the namespaces of a process.
import type { Arguments, OptionTable } from '@plumbline/common/cli/option-table'
import { makeToken } from '@plumbline/common/connection/token'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import { canChange, openChanged } from './agent/open-changed.ts'
import { enterShell } from './enter-shell.ts'
import { parseReport, withoutReport, type EnteredProcess } from './entered-process.ts'
import type { HopContext, OpenedHop } from './hop.ts'
import { enterStatus, formatFirstEnter, formatNextEnter, type Ids } from './namespaces.ts'
import { explainMissing, formatNoise } from './noise.ts'

export type NamespaceHop = {
  label: string
  /** Shell text that sets $pl_p to the pid, on the machine beneath. */
  find: string
  host?: string
}

export const idOptions: OptionTable = {
  uid: { type: 'string', argument: 'N', describe: 'user id there', default: '0' },
  gid: { type: 'string', argument: 'N', describe: 'group id there', default: '0' },
}

/** Throws USAGE. */
export function parseIds({ values }: Arguments): Ids {
  const [uid] = values['uid'] ?? []
  const [gid] = values['gid'] ?? []
  for (const [option, id] of Object.entries({ uid, gid })) {
    if (id === undefined || /^\d{1,10}$/.test(id)) continue
    throw new ToolError('USAGE', { reason: `--${option} needs a number, not "${id}"` })
  }
  return { uid, gid }
}

/** Those of a container's first process: by a fresh agent on an agent of root, else by nsenter. */
export async function enterContainer(context: HopContext, hop: NamespaceHop): Promise<OpenedHop> {
  const { lower } = context
  if (!canChange(lower)) return enterNamespaces(context, hop)
  const { label, find, host } = hop
  const { uid = '0', gid = '0' } = parseIds(context.arguments)
  const [pid = ''] = await lower.connection.runlines({ command: `${find}; echo "$pl_p"` }).catch((error) => {
    throw new ToolError('HOP_FAILED', { hop: label, reason: reasonOf(error) })
  })
  if (!/^[1-9]\d*$/.test(pid)) throw new ToolError('HOP_FAILED', { hop: label, reason: 'it is not running' })
  const ids = { uid: Number(uid), gid: Number(gid) }
  const change = { change: 'setns', pid: Number(pid), key: makeToken(), ...ids } as const
  try {
    return { ...(await openChanged(context, label, change)), ...(host !== undefined && { host }) }
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== 'HOP_NEEDS') throw error
    context.diagnose(`${label}: using nsenter: ${error.message}`)
    return enterNamespaces(context, hop)
  }
}

export function enterNamespaces(
  context: HopContext,
  { label, find, host }: NamespaceHop,
): Promise<OpenedHop> {
  const ids = parseIds(context.arguments)
  const mark = makeToken()
  let entered: EnteredProcess | undefined
  return enterShell(context, {
    label,
    ...(host !== undefined && { host }),
    wrap: (shellCommand) =>
      entered ? formatNextEnter(entered, ids, shellCommand) : formatFirstEnter(find, mark, ids, shellCommand),
    entered: (said) => {
      entered = parseReport(mark, said)
    },
    explain: (noise, status) => {
      const words = withoutReport(mark, noise)
      if (status === enterStatus.noProcess) {
        return new ToolError('HOP_FAILED', {
          hop: label,
          reason: formatNoise(words) || 'there is no such process',
        })
      }
      if (status === enterStatus.notPermitted) {
        const hint = formatNoise(words)
        return new ToolError('HOP_NEEDS', { hop: label, needs: 'root beneath it', hint })
      }
      return explainMissing(label, 'nsenter(1) and setsid(1), and /bin/sh where it leads')(words, status)
    },
  })
}
