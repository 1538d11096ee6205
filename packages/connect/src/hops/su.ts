// `connect su [USER]`: another user of the machine, root unless told otherwise, through su(1).
//
// Root needs no password and says with -s that the user's login shell, which may be nologin, is not to be used. For
// everybody else it is that shell which runs the command, be it csh or fish: it gets a constant text, and what is to
// be run comes to it in a variable.
//
// As PAM has it without a terminal, su asks on standard error and reads the password from standard input byte by
// byte, up to its newline, once. The line is sent without waiting for the prompt; where none comes, it is BOOT that
// reads it, and skips it like any line without its token.
import { ToolError } from '@plumbline/common/error/tool-error'
import { quoteCommand, quoteWord } from '@plumbline/common/process/quote'
import type { Secret } from '@plumbline/common/secret/secret'
import { secretOptions } from '@plumbline/common/secret/secret-options'
import { enterShell } from '../enter-shell.ts'
import { kept, type Hop, type HopContext, type OpenedHop } from '../hop.ts'
import { formatNoise } from '../noise.ts'
import { requireUsers } from '../operands.ts'

export const su: Hop = {
  command: {
    operands: '[USER]',
    describe: 'another user, through su; without a password from root',
    options: secretOptions('password'),
  },
  targets: (args) => requireUsers(args, 'root'),
  keeps: kept.root,
  open: (context) => openSu(context, context.target),
}

export async function openSu(context: HopContext, user: string): Promise<OpenedHop> {
  const label = `su:${user}`
  const password = context.lower.place.uid === 0 ? undefined : await askPassword(context, user, label)
  return enterShell(context, {
    label,
    wrap: (shellCommand) => (password ? throughLoginShell(user, shellCommand) : fromRoot(user, shellCommand)),
    ...(password && { preamble: Buffer.concat([password.reveal(), Buffer.from('\n')]) }),
    explain: (noise, status) => explainSu(noise, status, label),
  })
}

async function askPassword({ lower, secrets }: HopContext, user: string, hop: string): Promise<Secret> {
  if (!secrets.isAvailable('password')) {
    const hint = '--password-file, --password-fd or --password-command; root needs none'
    throw new ToolError('SU_PASSWORD_REQUIRED', { hop, hint })
  }
  return secrets.get('password', `Password of ${user} on ${lower.host}: `)
}

/** Where files of the user beneath would be looked for, and the language in which su's messages are read. */
const foreign =
  'XDG_RUNTIME_DIR XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME DBUS_SESSION_BUS_ADDRESS'
const english = 'LC_ALL=C; export LC_ALL'

function fromRoot(user: string, shellCommand: string): string {
  const inner = `unset -v LC_ALL; exec ${shellCommand}`
  return `unset -v ${foreign}; ${english}; exec ${quoteCommand(['su', '-s', '/bin/sh', '-c', inner, '--', user])}`
}

function throughLoginShell(user: string, shellCommand: string): string {
  const inner = `exec /bin/sh -c 'eval "unset -v LC_ALL pl_c; exec $pl_c"'`
  return (
    `unset -v ${foreign}; ${english}; pl_c=${quoteWord(shellCommand)}; export pl_c; ` +
    `exec ${quoteCommand(['su', '-c', inner, '--', user])}`
  )
}

function explainSu(noise: string, status: number | undefined, hop: string): ToolError | undefined {
  // What PAM asks after the password (a code, a new password) nobody here can answer.
  const asked = noise.replace(/password: */i, '')
  if (status === undefined) {
    if (!/[:?] $/.test(asked) || /\bsu: $/.test(asked)) return undefined
    return new ToolError('SU_REFUSED', {
      hop,
      reason: `su asks for more than a password: ${formatNoise(asked)}`,
    })
  }
  if (/authentication (failure|information cannot)|incorrect password/i.test(noise)) {
    return new ToolError('SU_PASSWORD_WRONG', { hop })
  }
  if (/\bsu: not found/.test(noise)) return new ToolError('HOP_NEEDS', { hop, needs: 'su(1) there' })
  const reason = formatNoise(asked)
  return reason ? new ToolError('SU_REFUSED', { hop, reason }) : undefined
}
