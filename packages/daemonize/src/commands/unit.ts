import type { Context } from './command.ts'
export async function unit(_: Context): Promise<undefined> {
  return undefined
}
