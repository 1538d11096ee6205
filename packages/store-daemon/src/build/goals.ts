// What one call wants made: a goal for each derivation and each path, however often it is wanted.
import { setMaxListeners } from 'node:events'
import { env } from 'node:process'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { SubstituteInfo, Substituter } from '../substitute/substituter.ts'
import { openSubstituter } from '../substitute/substituter.ts'
import type { Session } from '../session.ts'
import type { FailureKind } from './build-failure.ts'
import type { BuildMode } from './build-job.ts'
import { OffloadHook } from './offload-hook.ts'
import { readBuildSettings, type BuildSettings } from './build-settings.ts'
import { Slots } from './slots.ts'

/** unavailable: nobody has it. incomplete: nor something it refers to. broken: it could not be fetched. */
export type Outcome = 'done' | FailureKind | 'unavailable' | 'incomplete' | 'broken'

export type GoalMakers = {
  derivation: (
    goals: Goals,
    path: string,
    outputs: readonly string[] | undefined,
    mode: BuildMode,
  ) => Promise<Outcome>
  substitution: (goals: Goals, path: string, repair: boolean) => Promise<Outcome>
}

const minDownloads = 4

export class Goals {
  readonly session: Session
  readonly settings: BuildSettings
  readonly substituter: Substituter
  readonly slots: Slots
  readonly downloads: Slots
  /** What offers builds to other machines, if there is such a program and the client wants it. */
  readonly hook: OffloadHook | undefined
  readonly #makers: GoalMakers
  readonly #controller = new AbortController()
  readonly #goals = new Map<string, Promise<Outcome>>()
  readonly #outcomes = new Set<Outcome>()
  readonly #leaving: Promise<void>[] = []
  #questions: { path: string; answer: (info: Promise<SubstituteInfo | undefined>) => void }[] = []

  constructor(session: Session, makers: GoalMakers) {
    this.session = session
    this.settings = readBuildSettings(session)
    this.substituter = openSubstituter(session)
    // A build that is better done here may be done here alone even where nothing is to be built.
    this.slots = new Slots(Math.max(1, this.settings.maxJobs))
    this.downloads = new Slots(Math.max(minDownloads, this.settings.maxJobs))
    this.#makers = makers
    const { GUIX: program } = env
    this.hook =
      program && this.settings.offload
        ? new OffloadHook(program, this.settings, session.options.printBuildTrace)
        : undefined
    // Each goal that waits listens.
    setMaxListeners(0, this.signal)
    if (session.signal.aborted) this.#abort()
    else session.signal.addEventListener('abort', this.#abort, { once: true })
  }

  /** Aborted when the call ends. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Makes outputs of a derivation valid; all of them when none are named. */
  derivation(path: string, outputs: readonly string[] | undefined, mode: BuildMode): Promise<Outcome> {
    const names = outputs && [...new Set(outputs)].sort()
    return this.#goal(`${mode} ${path}!${names?.join(',') ?? ''}`, () =>
      this.#makers.derivation(this, path, names, mode),
    )
  }

  /** Makes a path valid from a substitute. */
  substitution(path: string, repair = false): Promise<Outcome> {
    return this.#goal(`${repair} ${path}`, () => this.#makers.substitution(this, path, repair))
  }

  /** What substituters know about a path; what is asked in one turn is asked of them at once. */
  substituteInfo(path: string): Promise<SubstituteInfo | undefined> {
    return new Promise((answer) => {
      if (this.#questions.push({ path, answer }) === 1) setImmediate(() => this.#ask())
    })
  }

  /** The call does not end before that. */
  waitFor(leaving: Promise<void>): void {
    this.#leaving.push(leaving)
  }

  /** Ends what is still going on, and waits until nothing is left of it. */
  async end(): Promise<void> {
    this.#abort()
    this.session.signal.removeEventListener('abort', this.#abort)
    await Promise.allSettled(this.#goals.values())
    await Promise.all(this.#leaving)
    this.hook?.close()
  }

  /** For the client: 101 when something took too long, 100 when something will fail again, else 1. */
  get status(): number {
    if (this.#outcomes.has('timeout')) return 101
    return this.#outcomes.has('permanent') || this.#outcomes.has('cached') ? 100 : 1
  }

  readonly #abort = () => this.#controller.abort(new ToolError('CANCELLED', { what: 'The build' }))

  #goal(key: string, start: () => Promise<Outcome>): Promise<Outcome> {
    const known = this.#goals.get(key)
    if (known) return known
    const goal = start().then((outcome) => {
      this.#outcomes.add(outcome)
      return outcome
    })
    // Whoever waits for it gets the error; nobody may, any more.
    goal.catch(() => undefined)
    this.#goals.set(key, goal)
    return goal
  }

  #ask(): void {
    const asked = this.#questions
    this.#questions = []
    const infos = this.substituter.query([...new Set(asked.map(({ path }) => path))], this.signal)
    for (const { path, answer } of asked) answer(infos.then((found) => found.get(path)))
  }
}

/** How many of the goals failed: all of them have ended, or, without `keepGoing`, one has failed. */
export function countFailed(goals: readonly Promise<Outcome>[], keepGoing: boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    let left = goals.length
    let failed = 0
    if (left === 0) resolve(0)
    for (const goal of goals) {
      goal.then((outcome) => {
        left--
        if (outcome !== 'done') failed++
        if (left === 0 || (failed > 0 && !keepGoing)) resolve(failed)
      }, reject)
    }
  })
}
