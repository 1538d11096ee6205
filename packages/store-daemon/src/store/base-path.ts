// What lies beside an item in the store while it is made: PATH.lock, and the root of its build, PATH.chroot.
// Pure: no I/O.

/** The item beside which `path` is; an item is beside itself. */
export function basePath(path: string): string {
  return path.replace(/\.(lock|chroot)$/, '')
}
