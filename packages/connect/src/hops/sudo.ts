// `connect sudo`: another user of the machine, root unless told otherwise, through sudo(8).
//
// sudo reads the password from standard input (-S), byte by byte and no further than its line, and asks for it with
// a prompt that only we know (-p): a second prompt means that the first answer was wrong, and nothing more is sent. With -k it forgets that it
// has been asked before, so that it always asks, or never. The line is sent without waiting for the prompt; where
// none comes, it is BOOT that reads it, and skips it like any line without its token.
import type { Connection } from '@plumbline/common/connection/connection'
import { makeToken } from '@plumbline/common/connection/token'
import type { Entry } from '@plumbline/common/connection/raw-process'
import { ShellConnection } from '@plumbline/common/connection/shell-connection'
import { ToolError } from '@plumbline/common/error/tool-error'
import { quoteCommand, quoteWord } from '@plumbline/common/process/quote'
import type { Secret } from '@plumbline/common/secret/secret'
import { secretOptions } from '@plumbline/common/secret/secret-options'
import { kept, type Hop, type HopContext, type OpenedHop } from '../hop.ts'

export const sudo: Hop = {
  command: {
    operands: '',
    describe: 'another user, through sudo',
    options: {
      user: { type: 'string', alias: 'u', argument: 'USER', describe: 'become USER', default: 'root' },
      ...secretOptions('password'),
    },
  },
  targets: ({ operands: [extra] }) => {
    if (extra === undefined) return ['']
    throw new ToolError('USAGE', {
      reason: `connect sudo takes no operand "${extra}"`,
      hint: '-u names a user',
    })
  },
  keeps: kept.root,
  open: openSudo,
}

type Way = { user: string; password: Secret | undefined; terminal: boolean }

async function openSudo(context: HopContext): Promise<OpenedHop> {
  const { lower, secrets } = context
  const user = context.arguments.values['user']?.[0] ?? 'root'
  const prompt = `[sudo] Password of ${lower.place.user} on ${lower.host}: `
  const ask = () => secrets.get('password', prompt)
  let way: Way = { user, password: secrets.isGiven('password') ? await ask() : undefined, terminal: false }
  for (;;) {
    try {
      return await enter(context, way)
    } catch (error) {
      const code = error instanceof ToolError ? error.code : undefined
      if (code === 'SUDO_PASSWORD_REQUIRED' && !way.password && secrets.isAvailable('password')) {
        way = { ...way, password: await ask() }
      } else if (code === 'SUDO_TERMINAL_REQUIRED' && !way.terminal) {
        way = { ...way, terminal: true }
      } else {
        throw error
      }
    }
  }
}

async function enter({ lower, timeoutMs }: HopContext, way: Way): Promise<OpenedHop> {
  const label = `sudo:${way.user}`
  const connection = new ShellConnection(makeEntry(lower.connection, label, way))
  try {
    const place = await connection.establish({ changedUser: true, timeoutMs })
    return { connection, place, label }
  } catch (error) {
    await connection.close()
    throw error
  }
}

function makeEntry(lower: Connection, hop: string, { user, password, terminal }: Way): Entry {
  const prompt = `${makeToken()}:`
  const how = password ? ['-k', '-S', '-p', prompt] : ['-n']
  const sudoCommand = quoteCommand(['sudo', '-H', ...how, '-u', user, '--'])
  return {
    hop,
    spare: 'first',
    readsInput: password !== undefined,
    start(shellCommand) {
      // Its messages are read; what runs behind it gets its own language back.
      const inner = `exec env LC_ALL=C ${sudoCommand} ${unsetLocale(shellCommand)}`
      const process = lower.run({ command: terminal ? onTerminal(inner) : inner })
      if (password) process.stdin.write(Buffer.concat([password.reveal(), Buffer.from('\n')]))
      return process
    },
    explain: (noise, status) => explainSudo(noise, status, { hop, prompt, asked: password !== undefined }),
  }
}

const unsetLocale = (command: string) => quoteCommand(['/bin/sh', '-c', `unset -v LC_ALL; exec ${command}`])

/**
 * With `requiretty` sudo wants a controlling terminal, but not its standard streams on it. script(1) makes a
 * terminal for it, and the streams go past that as the descriptors they were: every byte unharmed, stderr apart.
 */
function onTerminal(command: string): string {
  const direct = `${command} <&3 >&4 2>&5 3<&- 4>&- 5>&-`
  return `exec script -qec ${quoteWord(direct)} /dev/null 3<&0 4>&1 5>&2 </dev/null >/dev/null`
}

type Question = { hop: string; prompt: string; asked: boolean }

function explainSudo(noise: string, status: number | undefined, { hop, prompt, asked }: Question) {
  const prompts = noise.split(prompt).length - 1
  if (prompts > 1) return new ToolError('SUDO_PASSWORD_WRONG', { hop })
  if (status === undefined) return undefined
  if (/must have a tty|no tty present/i.test(noise)) {
    return new ToolError('SUDO_TERMINAL_REQUIRED', { hop })
  }
  if (prompts === 1 && /incorrect password|sorry, try again/i.test(noise)) {
    return new ToolError('SUDO_PASSWORD_WRONG', { hop })
  }
  const required = /password is required|terminal is required|interactive authentication/i.test(noise)
  if (!asked && required) {
    return new ToolError('SUDO_PASSWORD_REQUIRED', {
      hop,
      hint: '--password-file, --password-fd or --password-command',
    })
  }
  if (status === 127) return new ToolError('COMMAND_NOT_FOUND', { command: 'sudo' })
  const reason = noise.replaceAll(prompt, '').trim().split('\n').slice(-3).join(' | ')
  return new ToolError('SUDO_REFUSED', { hop, reason: reason || `sudo ended with status ${status}` })
}
