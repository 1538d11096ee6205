// Limits that one client sets on a build that another one wants as well.
import { existsSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { startBuildDaemon } from './support/build-daemon.ts'
import { build, failure, setOptions } from './support/build.ts'
import { Scratch } from './support/scratch.ts'
import { until } from './support/until.ts'

const scratch = new Scratch('limits')

it('who has no patience has no patience for others, and who has much of it is not without', async () => {
  const { daemon, client, derivations } = await startBuildDaemon(scratch, 'daemon')
  const other = await daemon.connect()
  scratch.onEnd(() => other.close())
  const made = await derivations.make('slow', {
    script: 'echo first; read -t 2 x < <($tool sleep) || true; echo good > $out',
  })
  await setOptions(client, { settings: { 'build-timeout': '1' } })
  await setOptions(other, { settings: { 'build-timeout': '9999999999', 'build-max-silent-time': '3000000' } })
  client.onNext = (bytes) => (client.log += bytes.toString())
  const impatient = failure(build(client, made.drv))
  await until(() => client.log.includes('first\n'))
  const patient = build(other, made.drv)
  expect((await impatient).status).toBe(101)
  await patient
  expect(readFileSync(made.out, 'utf8')).toBe('good\n')
})

it('a description of what inputs need has a size', async () => {
  const { client, derivations } = await startBuildDaemon(scratch, 'graphs')
  await setOptions(client)
  const items: string[] = []
  for (let index = 0; index < 300; index++) items.push(await client.addText(`item-${index}`, String(index)))
  const top = await client.addText('top', 'top', items)
  const graphs = Array.from({ length: 3000 }, (_, index) => `graph-${index} ${top}`).join(' ')
  const made = await derivations.make('graphs', {
    script: 'echo > $out',
    sources: [top],
    env: { exportReferencesGraph: graphs },
  })
  expect((await failure(build(client, made.drv))).status).toBe(1)
  expect(client.log).toContain("`exportReferencesGraph' asks for too much")
})

it.each([
  ['that takes too long', '$tool print 100000000; read x < <($tool sleep)', 101],
  ['that ends in time', '$tool print 800000; echo good > $out', undefined],
])('a build %s waits for nobody who reads nothing', async (name, script, status) => {
  const { client, derivations } = await startBuildDaemon(scratch, `deaf${name.replaceAll(' ', '-')}`)
  const made = await derivations.make('loud', { script })
  await setOptions(client, { settings: { 'build-timeout': '2' } })
  client.onNext = () => undefined
  const place = `${made.drv}.chroot`
  const built = build(client, made.drv).catch((error: unknown) => error)
  client.socket.pause()
  await until(() => existsSync(place))
  await until(() => !existsSync(place))
  client.socket.resume()
  if (status === undefined) await expect(built).resolves.toBeUndefined()
  else await expect(built).resolves.toMatchObject({ status })
})
