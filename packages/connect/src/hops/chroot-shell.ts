// `connect chroot.shell DIRECTORY`: another root directory, through chroot(8) as root.
import { makeToken } from '@plumbline/common/connection/token'
import { ToolError } from '@plumbline/common/error/tool-error'
import { formatFirst, formatNext, formatPlain, noDirectory } from '../chroot-shell.ts'
import { enterShell } from '../enter-shell.ts'
import { parseReport, withoutReport, type EnteredProcess } from '../entered-process.ts'
import { kept, type Hop, type HopContext, type OpenedHop } from '../hop.ts'
import { explainMissing, formatNoise } from '../noise.ts'
import { requireOperands } from '../operands.ts'

export const chrootShell: Hop = {
  command: {
    operands: 'DIRECTORY…',
    describe:
      'another root directory, through chroot(8), in a mount namespace of its own where there are any',
    options: {},
  },
  targets: (args) => requireOperands(args, 'a directory'),
  keeps: kept.machine,
  open: openChrootShell,
}

export async function openChrootShell(context: HopContext): Promise<OpenedHop> {
  const { lower, target: directory, diagnose } = context
  const label = `chroot.shell:${directory}`
  if (lower.place.uid !== 0) {
    throw new ToolError('HOP_NEEDS', { hop: label, needs: 'root beneath it', hint: 'connect sudo' })
  }
  const mark = makeToken()
  let state: 'new' | 'plain' | EnteredProcess = 'new'
  return enterShell(context, {
    label,
    wrap: (shellCommand) => {
      if (state === 'new') return formatFirst(directory, mark, shellCommand)
      return state === 'plain' ? formatPlain(directory, shellCommand) : formatNext(state, shellCommand)
    },
    entered: (said) => {
      state = parseReport(mark, said) ?? 'plain'
      const words = formatNoise(withoutReport(mark, said))
      if (state === 'plain')
        diagnose(`${label}: nothing is mounted in it, as there is no namespace for it: ${words}`)
      else if (words) diagnose(`${label}: ${words}`)
    },
    // The namespace may have gone with the shell that kept it.
    lost: () => (state = 'new'),
    explain: (noise, status) => {
      if (status === noDirectory) {
        return new ToolError('HOP_FAILED', {
          hop: label,
          reason: `there is no directory "${directory}" to enter`,
        })
      }
      const needs = 'chroot(8), and a /bin/sh in the directory that can run there'
      return explainMissing(label, needs)(withoutReport(mark, noise), status)
    },
  })
}
