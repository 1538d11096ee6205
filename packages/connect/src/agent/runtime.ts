// The running Node, for where its file cannot be seen: in a container. The program, its dynamic linker and the
// directories of its libraries are held open as descriptors, which exec(2) reaches through /proc/self/fd whatever the
// root directory is; the linker is told to load the rest through them too.
import { closeSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path/posix'
import { ToolError } from '@plumbline/common/error/tool-error'

export type Runtime = {
  /** What runs this Node, given the descriptors. */
  argv: string[]
  descriptors: number[]
  close: () => void
}

/** A shell opens each anew (detach.ts), and not every shell knows descriptors of two digits. */
const lastDescriptor = 9

/** `first` is the number that the first descriptor will have. Throws HOP_NEEDS, HOP_FAILED. */
export function openRuntime(hop: string, first: number): Runtime {
  if (isInPieces())
    throw new ToolError('HOP_NEEDS', { hop, needs: 'a Node in one piece', hint: 'connect nsenter' })
  const link = (index: number) => `/proc/self/fd/${first + index}`
  const files = findMappedFiles(hop)
  const linker = files.find((file) => /\/ld[^/]*\.so[^/]*$/.test(file))
  const directories = [...new Set(files.filter((file) => /\.so[^/]*$/.test(file)).map(dirname))]
  const paths = linker === undefined ? [process.execPath] : [process.execPath, linker, ...directories]
  if (first + paths.length - 1 > lastDescriptor) {
    const needs = 'a Node whose libraries are in fewer directories'
    throw new ToolError('HOP_NEEDS', { hop, needs, hint: 'connect nsenter' })
  }
  const descriptors = paths.map((path) => openSync(path, 'r'))
  const libraries = directories.map((_, index) => link(2 + index)).join(':')
  return {
    argv: linker === undefined ? [link(0)] : [link(1), '--library-path', libraries, link(0)],
    descriptors,
    close: () => descriptors.forEach((descriptor) => closeSync(descriptor)),
  }
}

/** Debian's Node reads some of its modules from /usr/share as it starts, and names none that it has itself. */
function isInPieces(): boolean {
  const { node_builtin_shareable_builtins: own } = process.config.variables as Record<string, unknown>
  return Array.isArray(own) && own.length === 0
}

/** proc_pid_maps(5): address, permissions, offset, device, inode, path. */
function findMappedFiles(hop: string): string[] {
  try {
    const lines = readFileSync('/proc/self/maps', 'utf8').split('\n')
    return [...new Set(lines.flatMap((line) => /^\S+ ..x\S* \S+ \S+ \S+ +(\/.*)$/.exec(line)?.[1] ?? []))]
  } catch (cause) {
    const reason = 'it needs Linux with /proc mounted, to find what Node consists of'
    throw new ToolError('HOP_FAILED', { hop, reason }, { cause })
  }
}
