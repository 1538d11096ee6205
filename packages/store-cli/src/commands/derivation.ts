// `derivation PATH…` shows derivations as records; `derivation --make` makes them from records on standard input,
// with the output paths filled in, and adds them.
import { ToolError } from '@plumbline/common/error/tool-error'
import { readInput } from '@plumbline/common/cli/input'
import { readRecords } from '@plumbline/common/ndjson/read'
import { formatMismatch, validate } from '@plumbline/common/records/validate'
import { fromByteString, toByteString } from '@plumbline/common/store/byte-string'
import { computeOutputPaths, hashDerivationModulo } from '@plumbline/common/store/derivation/derivation-hash'
import type { Derivation } from '@plumbline/common/store/derivation/derivation'
import { formatDerivation, sortDerivation } from '@plumbline/common/store/derivation/format-derivation'
import { parseDerivation } from '@plumbline/common/store/derivation/parse-derivation'
import { NarParser } from '@plumbline/common/store/nar/nar-parser'
import { storeName } from '@plumbline/common/store/store-path'
import type { Context } from '../context.ts'
import { fromRecord, toRecord, derivationRecord, type DerivationRecord } from '../derivation-record.ts'
import { readPaths } from '../input-paths.ts'
import { addText } from '../queries.ts'
import { exportItem } from './transfer.ts'

export async function derivation(context: Context): Promise<void> {
  if (context.has('make')) return make(context)
  for await (const batch of readPaths(context)) {
    for (const path of batch) {
      try {
        await context.emit(toRecord(toByteString(path), await fetchDerivation(context, toByteString(path))))
      } catch (error) {
        await context.fail(error, { path })
      }
    }
  }
}

async function make(context: Context): Promise<void> {
  context.expectOperands(0, 'no operand with --make')
  for await (const batch of readRecords(readInput('-', context.tool.signal), { input: 'standard input' })) {
    for (const { record, line } of batch) {
      try {
        const result = validate(derivationRecord, record)
        if ('mismatches' in result) {
          const reason = result.mismatches.map(formatMismatch).join('; ')
          throw new ToolError('RECORD_INVALID', { input: 'standard input', line, reason })
        }
        await makeOne(context, result.value)
      } catch (error) {
        await context.fail(error, { line })
      }
    }
  }
}

async function makeOne(context: Context, record: DerivationRecord): Promise<void> {
  const draft = fromRecord(record)
  const hashes = new Map<string, string>()
  for (const { path } of draft.inputDerivations) await hashInput(context, path, hashes)
  const name = toByteString(record.name)
  const store = toByteString(record.store ?? '/gnu/store')
  const paths = computeOutputPaths(store, name, draft, (path) => hashes.get(path) ?? '')
  const environment = new Map(draft.environment)
  for (const [output, path] of paths) environment.set(output, path)
  const finished = sortDerivation({
    ...draft,
    outputs: draft.outputs.map((output) => ({ ...output, path: paths.get(output.name) ?? '' })),
    environment: [...environment],
  })
  const references = [...finished.inputDerivations.map(({ path }) => path), ...finished.inputSources]
  const contents = Buffer.from(formatDerivation(finished), 'latin1')
  const path = await addText(context.client, { name: `${name}.drv`, contents, references })
  await context.emit(toRecord(path, finished))
}

/** The hash modulo of the derivation at `path`, and of all it builds on. */
async function hashInput(context: Context, path: string, hashes: Map<string, string>): Promise<void> {
  if (hashes.has(path)) return
  const input = await fetchDerivation(context, path)
  for (const each of input.inputDerivations) await hashInput(context, each.path, hashes)
  hashes.set(
    path,
    hashDerivationModulo(input, (each) => hashes.get(each) ?? ''),
  )
}

/** The daemon may be elsewhere: the file is read through it. */
async function fetchDerivation({ client }: Context, path: string): Promise<Derivation> {
  if (!storeName(path).endsWith('.drv')) {
    throw new ToolError('DERIVATION_INVALID', {
      path: fromByteString(path),
      reason: 'its name does not end in .drv',
    })
  }
  const parts: Buffer[] = []
  const ignore = () => undefined
  const parser = new NarParser({
    directory: ignore,
    endDirectory: ignore,
    symlink: ignore,
    file: ignore,
    contents: (bytes) => void parts.push(Buffer.from(bytes)),
    endFile: ignore,
  })
  await exportItem(client, path, false, (bytes) => {
    if (!parser.done) parser.push(bytes)
  })
  return parseDerivation(Buffer.concat(parts).toString('latin1'), path)
}
