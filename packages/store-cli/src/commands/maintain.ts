// `verify` and `optimise`: work on the whole store, and the daemon's words about it on standard error. `ping`: whether
// there is a daemon at all.
import { exitStatus } from '@plumbline/common/error/exit'
import { toByteString } from '@plumbline/common/store/byte-string'
import { callNumber } from '@plumbline/common/store/wire/words'
import type { Context } from '../context.ts'

export async function verify(context: Context): Promise<void> {
  let errors = false
  const from = context.option('from')
  try {
    // Also for the daemon's words about its progress, which it keeps to itself otherwise.
    await context.client.setOptions(from === undefined ? {} : { 'verify-from': toByteString(from) })
    errors = await context.client.call({
      op: callNumber.verifyStore,
      write: (writer) => void writer.int(context.has('contents') ? 1 : 0).int(context.has('repair') ? 1 : 0),
      read: (reader) => reader.bool(),
    })
  } catch (error) {
    await context.fail(error)
  }
  if (errors) context.status = exitStatus.someFailed
  await context.end({ errors: errors ? 1 : 0 })
}

export async function optimise(context: Context): Promise<void> {
  try {
    await context.client.call({ op: callNumber.optimizeStore, read: (reader) => reader.int() })
  } catch (error) {
    await context.fail(error)
  }
  await context.end({})
}

export async function ping(context: Context): Promise<void> {
  await context.client.connect()
  await context.emit({ type: 'pong', address: context.address })
}
