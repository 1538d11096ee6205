// The facts of one connection: each is looked for once, when it is first asked for. What a hop leaves as it was comes
// from the connection beneath, which keeps it too; the rest is found out in one command, at the same time.
import type { Connection, Place } from '@plumbline/common/connection/connection'
import { askFacts } from '@plumbline/common/connection/facts'
import { pickFacts, type FactName, type Facts } from '@plumbline/common/records/facts'

type Answer = Promise<Partial<Facts>>

export class FactCache {
  readonly #connection: Connection
  readonly #beneath: Connection
  readonly #kept: ReadonlySet<FactName>
  readonly #answers: Map<FactName, Answer>

  /** `place` is known since the hop was entered; `kept` are the facts that hold beneath as well. */
  constructor(
    connection: Connection,
    place: Place,
    { beneath, kept }: { beneath: Connection; kept: readonly FactName[] },
  ) {
    this.#connection = connection
    this.#beneath = beneath
    this.#kept = new Set(kept)
    const known = Promise.resolve(place)
    this.#answers = new Map([
      ['user', known],
      ['uid', known],
      ['home', known],
    ])
  }

  async get(names: readonly FactName[]): Answer {
    const missing = names.filter((name) => !this.#answers.has(name))
    const isKept = (name: FactName) => this.#kept.has(name)
    this.#ask(this.#beneath, missing.filter(isKept))
    this.#ask(
      this.#connection,
      missing.filter((name) => !isKept(name)),
    )
    const answers = await Promise.all(names.map((name) => this.#answers.get(name)))
    return pickFacts(Object.assign({}, ...answers) as Partial<Facts>, names)
  }

  #ask(connection: Connection, names: readonly FactName[]): void {
    const answer = askFacts(connection, names)
    for (const name of names) this.#answers.set(name, answer)
    // What failed may be there the next time.
    answer.catch(() => names.forEach((name) => this.#answers.delete(name)))
  }
}
