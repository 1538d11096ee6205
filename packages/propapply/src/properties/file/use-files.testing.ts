// A directory for each test, and properties applied to what is in it.
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect } from 'vitest'
import { makeCall, runCalls, type FarSide, type RunOptions } from '../../shell/far-side.testing.ts'

type Options = RunOptions & { unapply?: boolean }

/** Paths in fields are names in the directory. After each test, no temporary file may be left. */
export function useFiles(side: FarSide) {
  let directory = ''
  const at = (name: string) => join(directory, name)

  beforeEach(() => {
    directory = fs.mkdtempSync(join(tmpdir(), 'propapply-file-'))
  })
  afterEach(() => {
    const left = fs.readdirSync(directory, { recursive: true }).map(String)
    fs.rmSync(directory, { recursive: true })
    expect(left.filter((name) => name.includes('.propapply'))).toEqual([])
  })

  const apply = async (property: string, fields: Record<string, unknown>, options: Options = {}) => {
    const path = typeof fields['path'] === 'string' ? at(fields['path']) : undefined
    const call = await makeCall(property, { ...fields, ...(path && { path }) }, options.unapply)
    const { steps, ended } = runCalls(side, [call], options)
    expect(ended).toBe(true)
    return steps[0] ?? { result: 'none', reason: '', stderr: '', diff: '' }
  }

  return {
    get path() {
      return directory
    },
    at,
    isRoot: process.getuid?.() === 0,
    modeOf: (name: string) => (fs.lstatSync(at(name)).mode & 0o7777).toString(8),
    apply,
    /** The results of a first and a second application. */
    twice: async (property: string, fields: Record<string, unknown>, options: Options = {}) => [
      (await apply(property, fields, options)).result,
      (await apply(property, fields, options)).result,
    ],
  }
}
