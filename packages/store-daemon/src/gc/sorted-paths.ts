// Finds paths in a sorted list of them. A map would have to be made first, which takes longer than a collection of some
// thousand items looks up in it.
// Pure: no I/O.

export type PathIndex = {
  /** Its position in the list. */
  get: (path: string) => number | undefined
  has: (path: string) => boolean
}

/** `paths` are in the order of their bytes. */
export function indexPaths(paths: readonly string[]): PathIndex {
  const get = (path: string): number | undefined => {
    let [low, high] = [0, paths.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((paths[middle] ?? '') < path) low = middle + 1
      else high = middle
    }
    return paths[low] === path ? low : undefined
  }
  return { get, has: (path) => get(path) !== undefined }
}

/** Of `names`, those that no path has at its end after `start` characters; `paths` are in order. */
export function namesWithout(names: readonly string[], paths: readonly string[], start: number): string[] {
  let next = 0
  return names.toSorted().filter((name) => {
    let path = paths[next]
    while (path !== undefined && path.slice(start) < name) path = paths[++next]
    return path === undefined || path.length !== start + name.length || !path.endsWith(name)
  })
}
