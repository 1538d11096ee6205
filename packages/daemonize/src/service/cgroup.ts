// A cgroup (version 2) of its own for each incarnation: whatever a service starts, and however it hides, is in it.
import { existsSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { makeFolder } from '@plumbline/common/process/make-folder'

/** What leaves room in a file name for a service's name and an incarnation's id. */
const pathMax = 150

let mount: { path: string | undefined } | undefined

/** Where version 2 is mounted: most often alone, or beside version 1. */
function cgroupMount(): string | undefined {
  const usual = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified']
  mount ??= {
    // Only version 2 has this file. The list of mounts may be long, and takes the kernel long to write.
    path:
      usual.find((path) => existsSync(`${path}/cgroup.controllers`)) ??
      findMount(readFileSync('/proc/self/mountinfo', 'utf8')),
  }
  return mount.path
}

function findMount(mountinfo: string): string | undefined {
  const line = mountinfo.split('\n').find((each) => each.includes(' - cgroup2 '))
  return line?.split(' ')[4]
}

/**
 * A new cgroup, or undefined where none can be made: no root, none mounted, or a unit of systemd's, whose processes
 * are systemd's to follow.
 */
export function makeCgroup(
  name: string,
  pidfile: string,
  id: string,
  environment: NodeJS.ProcessEnv,
): string | undefined {
  if (process.geteuid?.() !== 0 || environment['INVOCATION_ID'] !== undefined) return undefined
  const top = cgroupMount()
  if (top === undefined || !existsSync(`${top}/cgroup.procs`)) return undefined
  const folder = `${top}/daemonize/${cgroupPrefix(name, pidfile)}${id}`
  try {
    makeFolder(folder, 0o755)
    return existsSync(`${folder}/cgroup.procs`) ? folder : undefined
  } catch {
    return undefined
  }
}

/** Two services may have one name, but not one pidfile: its path, as one name. */
function cgroupPrefix(name: string, pidfile: string): string {
  const path = pidfile.replaceAll('%', '%25').replaceAll('/', '%2F')
  return `${name}@${path.length > pathMax ? digest(path) : path}@`
}

/** Loaded for long paths only: it takes three milliseconds. */
function digest(text: string): string {
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest('hex')
}

/** All cgroups of a service, of incarnations too that nothing else tells of any more. */
export function findCgroups(name: string, pidfile: string): string[] {
  const top = cgroupMount()
  try {
    const prefix = cgroupPrefix(name, pidfile)
    // The id has no "@": what begins alike may be another's, whose pidfile has one.
    const found = readdirSync(`${top}/daemonize`).filter(
      (each) => each.startsWith(prefix) && !each.includes('@', prefix.length),
    )
    return found.map((each) => `${top}/daemonize/${each}`)
  } catch {
    return []
  }
}

/** The processes in it and in those below it. */
export function cgroupMembers(folder: string): number[] {
  try {
    const own = readFileSync(`${folder}/cgroup.procs`, 'latin1').split('\n').filter(Boolean).map(Number)
    const below = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    return [...own, ...below.flatMap(({ name }) => cgroupMembers(`${folder}/${name}`))]
  } catch {
    return []
  }
}

/** SIGKILL to all of them at once, so that none can fork away; false where the kernel (before 5.14) cannot. */
export function killCgroup(folder: string): boolean {
  try {
    writeFileSync(`${folder}/cgroup.kill`, '1')
    return true
  } catch {
    return false
  }
}

export function removeCgroup(folder: string): void {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) removeCgroup(`${folder}/${entry.name}`)
    }
    rmdirSync(folder)
  } catch {
    // It is not empty yet, or not there any more.
  }
}

/** Of a service that runs, those of other incarnations. */
export function removeEmptyCgroups(name: string, pidfile: string): void {
  for (const folder of findCgroups(name, pidfile))
    if (cgroupMembers(folder).length === 0) removeCgroup(folder)
}
