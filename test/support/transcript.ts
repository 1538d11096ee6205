// The examples of a document as shell sessions. In a ```console block, `$ ` begins a command and `> ` goes on with
// it; the lines after it are what it writes, to standard output or standard error. In them, … stands for any text,
// and a line that is … alone for any lines. A block of another language, after a paragraph that begins with a file's
// name in backticks, is that file. All blocks of one document are one session, in one folder.

export type Step = { line: number; command: string; expected: string }
export type Transcript = { files: Readonly<Record<string, string>>; steps: readonly Step[] }

/** Throws for a console block that does not begin with a command. */
export function parseTranscript(markdown: string): Transcript {
  const files: Record<string, string> = {}
  const steps: Step[] = []
  let paragraph = ''
  let block: { language: string; lines: string[]; from: number } | undefined
  for (const [index, line] of markdown.split('\n').entries()) {
    const fence = /^```(\w*)$/.exec(line)
    if (!block && !fence) {
      // A blank line before a block does not end the paragraph that introduces it.
      if (line !== '') paragraph = paragraph.endsWith('\n\n') ? `${line}\n` : `${paragraph}${line}\n`
      else if (!paragraph.endsWith('\n\n')) paragraph += '\n'
    } else if (!block) {
      block = { language: fence?.[1] ?? '', lines: [], from: index + 2 }
    } else if (line === '```') {
      const [, name] = /^`([\w.-]+\.\w+)`/.exec(paragraph) ?? []
      if (block.language === 'console') steps.push(...parseSteps(block.lines, block.from))
      else if (name !== undefined) files[name] = `${block.lines.join('\n')}\n`
      block = undefined
      paragraph = ''
    } else {
      block.lines.push(line)
    }
  }
  return { files, steps }
}

function parseSteps(lines: readonly string[], from: number): Step[] {
  const steps: Step[] = []
  for (const [index, line] of lines.entries()) {
    const last = steps.at(-1)
    if (line.startsWith('$ ')) steps.push({ line: from + index, command: line.slice(2), expected: '' })
    else if (!last) throw new Error(`line ${from + index}: a console block begins with "$ "`)
    else if (line.startsWith('> ') && last.expected === '') last.command += `\n${line.slice(2)}`
    else last.expected += `${line}\n`
  }
  return steps
}

export function matches(expected: string, actual: string): boolean {
  const pattern = expected
    .replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
    .replace(/^…\n/gm, String.raw`(?:.*\n)*`)
    .replaceAll('…', '.*')
  return new RegExp(`^${pattern}$`).test(actual)
}
