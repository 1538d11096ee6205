// What a repair makes good stays so, also where the contents are shared.
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { startBuildDaemon } from './support/build-daemon.ts'
import { build, setOptions } from './support/build.ts'
import { Scratch } from './support/scratch.ts'
import { fileNar } from './support/wire.ts'

const scratch = new Scratch('repair')

it('is not undone by the damaged file that others shared', async () => {
  const { client, derivations } = await startBuildDaemon(scratch, 'shared')
  await setOptions(client)
  const script = 'x=0123456789abcdef; for i in 1 2 3 4 5 6 7 8 9 10; do x=$x$x; done; echo $x > $out'
  const made = await derivations.make('large', { script })
  const twin = await derivations.make('twin', { script })
  for (const { drv } of [made, twin]) await build(client, drv)
  const good = readFileSync(made.out)
  chmodSync(made.out, 0o644)
  writeFileSync(made.out, good.toString().replaceAll('0', 'z'))
  chmodSync(made.out, 0o444)
  expect(await client.verify(true)).toBe(true)
  expect(await client.verify(true, true)).toBe(false)
  for (const { out } of [made, twin]) expect([out, readFileSync(out).equals(good)]).toEqual([out, true])
  expect(await client.verify(true)).toBe(false)
})

it('is not needed for what is added after others of the same contents were damaged', async () => {
  const { client } = await startBuildDaemon(scratch, 'added')
  const good = Buffer.alloc(20_000, 'good')
  const [first, text] = [
    await client.addNar('first', fileNar(good)),
    await client.addText('text', Buffer.alloc(20_000, 'text')),
  ]
  for (const path of [first, text]) {
    chmodSync(path, 0o644)
    writeFileSync(path, Buffer.alloc(20_000, 'else'))
    chmodSync(path, 0o444)
  }
  const second = await client.addNar('second', fileNar(good))
  const third = await client.addText('third', Buffer.alloc(20_000, 'text'))
  expect(readFileSync(second).equals(good)).toBe(true)
  expect(readFileSync(third).equals(Buffer.alloc(20_000, 'text'))).toBe(true)
  const fourth = await client.addNar('fourth', fileNar(good))
  expect(statSync(fourth).ino).toBe(statSync(second).ino)
})
