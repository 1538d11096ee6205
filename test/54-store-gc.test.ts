// A collection never deletes what a root reaches: random interleavings of adding, rooting, unrooting, collecting and
// killing on a real daemon, against a model of the graph.
import { rmSync, symlinkSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Scratch } from './support/scratch.ts'
import { startStore, TestStore } from './support/store.ts'
import { str, type WireClient } from './support/wire.ts'

const scratch = new Scratch('store-gc')
const runs = Number(process.env['GC_RUNS'] ?? 15)

type Step =
  | { do: 'add'; references: number[] }
  | { do: 'root'; item: number }
  | { do: 'unroot'; item: number }
  | { do: 'collect' }
  | { do: 'collect-while-adding'; references: number[] }
  | { do: 'reconnect' }
  | { do: 'kill' }

const item = fc.nat(40)
const references = fc.array(item, { maxLength: 4 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('add' as const), references }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('root' as const), item }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('unroot' as const), item }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('collect' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('collect-while-adding' as const), references }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reconnect' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const) }) },
)

let count = 0

class Run {
  readonly daemon: TestStore
  client: WireClient
  readonly #items: { path: string; references: string[] }[] = []
  /** Item → its root in the file system. */
  readonly #links = new Map<string, string>()
  /** What the open connection has added or referred to. */
  #temporary = new Set<string>()

  constructor(daemon: TestStore, client: WireClient) {
    this.daemon = daemon
    this.client = client
  }

  async take(one: Step): Promise<void> {
    switch (one.do) {
      case 'add':
        return this.#add(one.references)
      case 'root':
        return this.#root(one.item)
      case 'unroot':
        return this.#unroot(one.item)
      case 'collect':
        return this.#collect()
      case 'collect-while-adding':
        await Promise.all([this.#collect(), this.#add(one.references)])
        return undefined
      case 'reconnect':
        return this.#reconnect()
      case 'kill':
        await this.daemon.stop('SIGKILL')
        await this.daemon.start()
        return this.#reconnect()
    }
  }

  /** What has to be valid is, and nothing is wrong with it. */
  async check(): Promise<void> {
    for (const path of this.#needed()) expect([path, await this.client.isValid(path)]).toEqual([path, true])
    expect(await this.client.verify(true)).toBe(false)
  }

  async #add(wanted: readonly number[]): Promise<void> {
    const paths = [...new Set(wanted.flatMap((each) => this.#items[each]?.path ?? []))]
    const known: string[] = []
    for (const path of paths) {
      // A path may be referred to once it is protected and, after that, still there.
      await this.client.call(11, str(path))
      await this.client.int()
      this.#temporary.add(path)
      if (await this.client.isValid(path)) known.push(path)
    }
    const number = this.#items.length
    const path = await this.client.addText(`item-${number}`, `item ${number}`, known)
    this.#items.push({ path, references: known })
    this.#temporary.add(path)
  }

  async #root(wanted: number): Promise<void> {
    const path = this.#items[wanted]?.path
    if (!path || this.#links.has(path)) return
    await this.client.call(11, str(path))
    await this.client.int()
    this.#temporary.add(path)
    if (!(await this.client.isValid(path))) return
    const link = `${this.daemon.folder}/root-${wanted}`
    symlinkSync(path, link)
    await this.client.call(12, str(link))
    await this.client.int()
    this.#links.set(path, link)
  }

  #unroot(wanted: number): void {
    const path = this.#items[wanted]?.path ?? ''
    const link = this.#links.get(path)
    if (link) rmSync(link)
    this.#links.delete(path)
  }

  /** From another connection: this one's roots count. */
  async #collect(): Promise<void> {
    const other = await this.daemon.connect()
    await other.collect(2)
    other.close()
  }

  async #reconnect(): Promise<void> {
    this.client.close()
    this.#temporary = new Set()
    this.client = await this.daemon.connect()
  }

  /** What roots reach. A temporary root of something that is gone reaches nothing. */
  #needed(): Set<string> {
    const references = new Map(this.#items.map((each) => [each.path, each.references]))
    const needed = new Set(this.#links.keys())
    for (const path of needed) for (const reference of references.get(path) ?? []) needed.add(reference)
    return needed
  }
}

describe('collections', () => {
  it('never delete what a root reaches', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const daemon = new TestStore(scratch, `run-${count++}`)
        await daemon.start()
        const run = new Run(daemon, await daemon.connect())
        for (const one of steps) await run.take(one)
        await run.check()
        run.client.close()
        await daemon.stop()
      }),
      { numRuns: runs },
    )
  }, 120_000)

  it('adds that refer to what is being collected keep it, or say that it is gone', async () => {
    const daemon = await startStore(scratch, 'race')
    const adder = await daemon.connect()
    const names: string[] = []
    for (let number = 0; number < 600; number++) names.push(await adder.addText(`n${number}`, `n ${number}`))
    adder.close()
    const [collector, other] = [await daemon.connect(), await daemon.connect()]
    const collecting = collector.collect(2)
    const kept: string[] = []
    for (const [index, path] of names.entries()) {
      const text = await other.addText(`r${index}`, `r ${index}`, [path]).catch(() => undefined)
      if (text) kept.push(text, path)
    }
    await collecting
    for (const path of kept) expect(await other.isValid(path)).toBe(true)
    expect(await other.verify(true)).toBe(false)
  })
})
