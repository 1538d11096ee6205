// Where a build happens: its user, its directories, and how its surroundings differ from the machine's.
import { mkdirSync } from 'node:fs'
import { env, getgid, getuid } from 'node:process'
import { basename } from 'node:path/posix'
import { isFixedOutput } from '@plumbline/common/store/derivation/derivation'
import { storeBaseName, storeName } from '@plumbline/common/store/store-path'
import { readDerivation } from '../operations/check-derivation.ts'
import {
  claimBuildDirectory,
  insideName,
  makeDirectorySteps,
  type BuildDirectory,
} from './build-directory.ts'
import type { BuildJob } from './build-job.ts'
import { takeBuildUser, type BuildUser } from './build-users.ts'
import { closureOf } from './closure.ts'
import { makeEnvironment } from './environment.ts'
import { BuildFailure } from './build-failure.ts'
import type { HashRedirects } from './hash-redirects.ts'
import { chooseIsolation, namespacesOf, rootlessUser, type Isolation } from './isolation.ts'
import { formatReferencesGraph, parseReferencesGraph } from './references-graph.ts'
import { layOutSandbox } from './sandbox-layout.ts'
import type { RunningBuilder } from './sandbox-process.ts'
import type { SandboxRequest } from './sandbox-request.ts'

export type BuildPlace = {
  isolation: Isolation
  user: BuildUser | undefined
  directory: BuildDirectory
  /** ITEM.drv.chroot, in a sandbox. */
  chroot: string | undefined
  redirects: HashRedirects
  /** Once there is one: it clears up with it. */
  builder: RunningBuilder | undefined
}

/** Throws STORE_FAILED when no build user is free. What is there has to be cleared by the caller. */
export function makeBuildPlace(job: BuildJob, redirects: HashRedirects): BuildPlace {
  const { config } = job.session.store
  const isBuiltin = job.derivation.builder.startsWith('builtin:')
  const isolation = chooseIsolation(
    getuid?.() ?? 0,
    job.settings.sandbox && !isBuiltin,
    config.buildUsersGroup,
  )
  const user =
    isolation.user === 'build-users' ? takeBuildUser(config.state, config.buildUsersGroup ?? '') : undefined
  try {
    const directory = claimBuildDirectory(storeName(job.path), isolation.sandbox)
    // A built-in has no process of its own that would make it.
    if (isBuiltin) mkdirSync(directory.path, 0o700)
    const chroot = isolation.sandbox ? `${job.path}.chroot` : undefined
    return { isolation, user, directory, chroot, redirects, builder: undefined }
  } catch (error) {
    user?.release()
    throw error
  }
}

/** Where the builder puts an output. */
export function placeOf({ chroot, redirects }: BuildPlace, path: string): string {
  return chroot ? `${chroot}/store/${storeBaseName(path)}` : redirects.placeOf(path)
}

/** What the sandbox program is asked for. */
export function makeRequest(job: BuildJob, place: BuildPlace): SandboxRequest {
  const { derivation, settings, session } = job
  const { isolation, user, chroot, redirects } = place
  const { store, state, build } = session.store.config
  const network = isFixedOutput(derivation)
  const inside = chroot ? insideName(storeName(job.path)) : place.directory.top
  const environment = makeEnvironment(derivation, {
    store,
    cores: settings.cores,
    directory: inside,
    daemon: env,
  })
  const seen =
    user ??
    (isolation.user === 'own' ? rootlessUser : { uid: getuid?.() ?? 0, gid: getgid?.() ?? 0, groups: [] })
  const sandbox = chroot
    ? layOutSandbox({
        store,
        chroot,
        inputs: job.inputs,
        user: seen,
        owner: user,
        network,
        readOnlyProc: isolation.user === 'root',
        directory: { outside: place.directory.top, inside },
        extra: build.sandboxDirectories,
      })
    : undefined
  const directorySteps = makeDirectorySteps(place.directory, user, referencesGraphs(job))
  return {
    builder: derivation.builder,
    args: [basename(derivation.builder), ...derivation.args].map((text) => redirects.apply(text)),
    environment: environment.map((text) => redirects.apply(text)),
    directory: inside,
    user: user ?? (chroot && isolation.user === 'own' ? seen : undefined),
    namespaces: namespacesOf(isolation, network),
    personality: personalityOf(job),
    outside: [...directorySteps, ...(sandbox?.outside ?? [])],
    root: sandbox && { path: state, ...sandbox },
    removed: chroot ? [chroot, place.directory.path] : [place.directory.path],
  }
}

/** Addresses are the same in every run; a 32-bit build on a 64-bit kernel is told that it is one. */
function personalityOf({ derivation: { system }, settings }: BuildJob): string {
  const is32 =
    (system === 'i686-linux' && settings.system === 'x86_64-linux') ||
    (system === 'armhf-linux' && settings.system === 'aarch64-linux')
  return `r${is32 ? '3' : ''}${settings.impersonateLinux26 && system.endsWith('-linux') ? '2' : ''}`
}

/** Bytes of all of them: some dozens of whole systems. They are put together at once, while everybody waits. */
const maxGraphs = 32 * 1024 * 1024

/** The files that `exportReferencesGraph` asks for. Throws STORE_FAILED, BuildFailure. */
function referencesGraphs({ derivation, session }: BuildJob): { name: string; contents: string }[] {
  const { config, database } = session.store
  const text = new Map(derivation.environment).get('exportReferencesGraph')
  if (text === undefined) return []
  let left = maxGraphs
  return parseReferencesGraph(config.store, text).map(([name, path]) => {
    if (database.idOf(path) === undefined) {
      throw new BuildFailure('unstarted', `\`exportReferencesGraph' contains an invalid path \`${path}'`)
    }
    const closure = closureOf(database, [path])
    // A derivation brings what it builds.
    const outputs = closure
      .filter((each) => each.endsWith('.drv'))
      .flatMap((each) => readDerivation(session.store, each).outputs.map((output) => output.path))
    const items = closureOf(database, [...closure, ...outputs]).map((each) => ({
      path: each,
      references: database.references(each) ?? [],
    }))
    const contents = formatReferencesGraph(items)
    left -= contents.length
    if (left < 0) throw new BuildFailure('unstarted', "`exportReferencesGraph' asks for too much")
    return { name, contents }
  })
}
