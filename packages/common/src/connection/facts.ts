// The facts of a connection that has only a shell: one command that prints them, and what its lines mean.
//
//   id UID GID          user NAME         home PATH
//   passwd LINE         of passwd(5)
//   uname KERNEL ARCH
//   release LINE        of os-release(5)
//   container NAME      as systemd's container interface has it, or by the file that docker and podman leave
import { pickFacts, type FactName, type Facts } from '../records/facts.ts'
import type { Connection } from './connection.ts'

/** Those that are asked for. Costs one round trip at most: what the connection knows by itself, it answers. */
export async function askFacts(connection: Connection, names: readonly FactName[]): Promise<Partial<Facts>> {
  if (names.length === 0) return {}
  if (connection.facts) return connection.facts(names)
  const lines = await connection.runlines({ command: formatProbe(names) })
  return pickFacts(parseProbe(lines), names)
}

const account = 'pl_u=$(id -u); echo "id $pl_u $(id -g)"'
const probes: readonly [readonly FactName[], string][] = [
  [['uid', 'gid'], account],
  [['user'], 'pl_n=$(id -un) || pl_n=$(id -u); echo "user ${pl_n##* }"'],
  [['home'], 'printf "home %s\\n" "$HOME"'],
  [
    ['shell'],
    'pl_u=$(id -u); ' +
      'pl_p=$(getent passwd "$pl_u" || grep "^[^:]*:[^:]*:$pl_u:" /etc/passwd) && printf "passwd %s\\n" "$pl_p"',
  ],
  [['os', 'arch'], 'echo "uname $(uname -sm)"'],
  [
    ['distribution', 'version'],
    'for pl_f in /etc/os-release /usr/lib/os-release; do [ -r $pl_f ] || continue; ' +
      'while IFS= read -r pl_l; do printf "release %s\\n" "$pl_l"; done <$pl_f; break; done',
  ],
  [
    ['container'],
    // In a chroot the files of the first process's root directory are those that tell.
    'if [ -r /proc/1/environ ]; then pl_c=$(tr "\\0" "\\n" </proc/1/environ | sed -n "s/^container=//p"); ' +
      'else pl_c=$container; fi; ' +
      '[ -n "$pl_c" ] || read -r pl_c </run/systemd/container || ' +
      'for pl_r in / /proc/1/root/; do ' +
      'if [ -e ${pl_r}run/.containerenv ]; then pl_c=podman; elif [ -e ${pl_r}.dockerenv ]; then pl_c=docker; fi; ' +
      'done; printf "container %s\\n" "$pl_c"',
  ],
]

/** Shell text that prints lines for parseProbe(); a command that is missing there leaves its fact unknown. */
function formatProbe(names: readonly FactName[]): string {
  const wanted = probes.filter(([facts]) => facts.some((fact) => names.includes(fact)))
  return `{ ${wanted.map(([, text]) => text).join('; ')}; :; } 2>/dev/null`
}

/** What the lines say; null for what they do not. */
function parseProbe(lines: readonly string[]): Facts {
  const find = (key: string) => lines.find((line) => line.startsWith(`${key} `))?.slice(key.length + 1)
  const [uid = '', gid = ''] = find('id')?.split(' ') ?? []
  const [kernel, arch] = find('uname')?.split(' ') ?? []
  const release = parseRelease(
    lines.filter((line) => line.startsWith('release ')).map((line) => line.slice(8)),
  )
  return {
    user: find('user') ?? '',
    uid: Number(uid),
    gid: toNumber(gid),
    home: find('home') || '/',
    shell: find('passwd')?.split(':')[6] || null,
    os: kernel?.toLowerCase() || null,
    arch: arch || null,
    ...release,
    container: find('container') || null,
  }
}

function toNumber(text: string): number | null {
  return /^\d+$/.test(text) ? Number(text) : null
}

/** os-release(5): NAME=value, quoted as the shell does. */
export function parseRelease(lines: readonly string[]): Pick<Facts, 'distribution' | 'version'> {
  const value = (name: string) => {
    const text = lines.findLast((line) => line.startsWith(`${name}=`))?.slice(name.length + 1)
    return (
      text
        ?.trim()
        .replace(/^(["'])(.*)\1$/, '$2')
        .replaceAll(/\\(.)/g, '$1') || null
    )
  }
  return { distribution: value('ID'), version: value('VERSION_ID') }
}
