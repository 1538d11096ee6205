// What a test may ask of this machine: all of it as root, its own user's things as anyone else.

export const isRoot = process.getuid?.() === 0

/** A service's configuration for a user who is not root, and that user's number: for anyone else, it is they. */
export const unprivileged = isRoot ? { user: 'nobody' } : {}
export const unprivilegedUid = isRoot ? 65534 : (process.getuid?.() ?? 0)

/** In front of a command that this user is to run. */
export const asUnprivileged = isRoot
  ? ['setpriv', `--reuid=${unprivilegedUid}`, `--regid=${unprivilegedUid}`, '--clear-groups']
  : []
