// How builds are kept apart from the machine and from each other: what the daemon's privileges and settings allow.
// Pure: no I/O.

export type Isolation = {
  /** In namespaces of their own, with nothing but their inputs. */
  sandbox: boolean
  /** Whom builders run as: users of a group, root, or the daemon's own user. */
  user: 'build-users' | 'root' | 'own'
}

/** Who a builder is inside a user namespace, where nobody else is. */
export const rootlessUser = { uid: 30001, gid: 30000, groups: [] } as const

export function chooseIsolation(uid: number, sandbox: boolean, buildUsersGroup: string | null): Isolation {
  return { sandbox, user: uid !== 0 ? 'own' : buildUsersGroup ? 'build-users' : 'root' }
}

/** Letters of a sandbox request. Only a builder whose result is known beforehand may use the network. */
export function namespacesOf({ sandbox, user }: Isolation, network: boolean): string {
  if (!sandbox) return ''
  return `mpiu${network ? '' : 'n'}${user === 'own' ? 'U' : ''}`
}

/** A sentence for logs and people. */
export function describeIsolation({ sandbox, user }: Isolation): string {
  const who = {
    'build-users': 'as users of their own',
    root: 'as root with few capabilities',
    own: "as the daemon's own user",
  }
  if (sandbox) {
    const more = user === 'own' ? ', user' : ''
    return `builds run in mount, process, network, IPC, host name${more} namespaces of their own, ${who[user]}`
  }
  const without = user === 'root' ? 'as root' : who[user]
  return `builds run without a sandbox, ${without}`
}
