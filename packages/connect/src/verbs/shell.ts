// `connect shell`: a terminal on the one connection read.
//
// The far side's terminal is made by script(1). Its name comes first, after a mark of ours; the window's size is set
// on it by commands beside, and the kernel then tells whatever runs in its foreground.
import { ControllingTerminal, type WindowSize } from '@plumbline/common/cli/controlling-terminal'
import type { Tool } from '@plumbline/common/cli/run-tool'
import type { Connection } from '@plumbline/common/connection/connection'
import { makeToken } from '@plumbline/common/connection/token'
import { ToolError } from '@plumbline/common/error/tool-error'
import { quoteCommand, quoteWord } from '@plumbline/common/process/quote'
import type { Lower } from '../hop.ts'
import type { Verb } from './run-verb.ts'
import { MarkFilter } from './mark-filter.ts'

export const shell: Verb = {
  isRaw: () => true,
  prepare: (tool) => async (lower, alone) => {
    if (!alone) throw new ToolError('USAGE', { reason: 'connect shell needs one connection' })
    const terminal = new ControllingTerminal()
    try {
      return await converse(tool, lower, terminal)
    } finally {
      terminal.close()
    }
  },
}

async function converse(
  tool: Tool,
  { connection, host }: Lower,
  terminal: ControllingTerminal,
): Promise<number> {
  const mark = makeToken()
  const { operands } = tool.arguments
  const running = connection.run({
    command: formatSession(mark, terminal.size(), operands),
    env: { TERM: tool.environment['TERM'] ?? 'dumb' },
  })
  const stop = () => running.cancel()
  tool.signal.addEventListener('abort', stop, { once: true })
  const marked = new MarkFilter(mark)
  let said = ''
  running.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString('utf8')).slice(-2000)))
  void marked.found.then((name) => {
    terminal.takeKeys()
    terminal.keys.pipe(running.stdin)
    terminal.onResize = (size) => void setSize(connection, name, size)
  })
  running.stdout.pipe(marked).pipe(terminal.screen, { end: false })
  try {
    const status = await running.status
    if (!marked.open)
      throw new ToolError('HOP_NEEDS', {
        hop: `a terminal on ${host}`,
        needs: 'script(1)',
        hint: said.trim(),
      })
    if (!marked.readableEnded)
      await new Promise((resolve) => marked.once('end', resolve).once('close', resolve))
    return status
  } finally {
    tool.signal.removeEventListener('abort', stop)
  }
}

/** The user's login shell, unless it is none that works; its size is set before it starts, as it reads it then. */
function formatSession(mark: string, size: WindowSize, operands: readonly string[]): string {
  const start = operands.length > 0 ? quoteCommand(operands) : '"$SHELL" -l'
  const inner = `${formatSize(size)}; printf "%s %s\\n" ${mark} "$(tty)"; SHELL=$pl_s; unset -v pl_s; exec ${start}`
  return [
    // $SHELL may be that of the user beneath, or what su was told.
    'pl_s=$({ getent passwd "$(id -u)" || grep "^$(id -un):" /etc/passwd; } 2>&- | head -n 1)',
    'pl_s=${pl_s##*:}',
    'case ${pl_s:=${SHELL:-/bin/sh}} in */nologin|*/false) pl_s=/bin/sh ;; esac',
    '[ -x "$pl_s" ] || pl_s=/bin/sh',
    'SHELL=/bin/sh; export pl_s SHELL',
    // BSD's script takes the command as arguments, after the file.
    `case $(uname -s) in *BSD|Darwin) exec script -q /dev/null /bin/sh -c ${quoteWord(inner)} ;; esac`,
    `exec script -qec ${quoteWord(inner)} /dev/null`,
  ].join('\n')
}

const formatSize = ({ columns, rows }: WindowSize) => `stty rows ${rows} cols ${columns}`

async function setSize(connection: Connection, terminal: string, size: WindowSize): Promise<void> {
  try {
    await connection.runlines({ command: `${formatSize(size)} <${quoteWord(terminal)}` })
  } catch {
    // The session ends just now; its status says all there is to say.
  }
}
