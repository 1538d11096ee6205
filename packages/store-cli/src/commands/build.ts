// Builds derivations, or says what would be built: a record for each step, and the paths at the end.
import { ToolError } from '@plumbline/common/error/tool-error'
import { BuildRun } from '../build/build-run.ts'
import type { Context } from '../context.ts'
import { readAllPaths } from '../input-paths.ts'
import type { BuildMode } from '../queries.ts'

export async function build(context: Context): Promise<void> {
  const mode = chooseMode(context)
  const things = await readAllPaths(context)
  const useSubstitutes = !context.has('no-substitutes')
  await context.client.setOptions(readSettings(context), {
    // What a check finds is there to be looked at.
    keepFailed: context.has('keep-failed') || mode === 'check',
    keepGoing: context.has('keep-going'),
    fallback: context.has('fallback'),
    verbosity: 0,
    trace: true,
    substitutes: useSubstitutes,
  })
  const run = new BuildRun(context)
  try {
    // A check or a repair is about what is there.
    if (mode === 'normal') await run.plan(things, useSubstitutes)
    if (!context.has('dry-run')) await run.build(things, mode)
  } catch (error) {
    await context.fail(error)
  }
  await context.end(run.counts)
}

function chooseMode(context: Context): BuildMode {
  if (context.has('check') && context.has('repair')) {
    throw new ToolError('USAGE', { reason: '--check and --repair exclude each other' })
  }
  return context.has('check') ? 'check' : context.has('repair') ? 'repair' : 'normal'
}

function readSettings(context: Context): Record<string, string> {
  const settings: Record<string, string> = {
    'print-extended-build-trace': '1',
    'multiplexed-build-output': 'true',
  }
  const number = (option: string, setting: string, less = 0) => {
    const text = context.option(option)
    if (text === undefined) return
    if (!/^[0-9]{1,9}$/.test(text) || Number(text) < less) {
      throw new ToolError('USAGE', { reason: `--${option} needs a number, not "${text}"` })
    }
    settings[setting] = String(Number(text) - less)
  }
  number('max-jobs', 'build-max-jobs')
  number('cores', 'build-cores')
  number('timeout', 'build-timeout')
  number('max-silent-time', 'build-max-silent-time')
  number('rounds', 'build-repeat', 1)
  return settings
}
