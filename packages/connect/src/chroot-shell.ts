// The shell text that enters a chroot: in a mount namespace of its own, so that whatever happens no mount is left.
//
// The first shell there keeps the namespace and its root directory; those after it join both with nsenter(1). Where
// no namespace can be had, chroot(8) alone is used and nothing is mounted, as nobody would be sure to unmount it.
// Pure: no I/O.
import { quoteWord } from '@plumbline/common/process/quote'
import { formatCheck, formatReport, readStart, type EnteredProcess } from './entered-process.ts'

/** Exit status: the directory is not there. */
export const noDirectory = 66

/**
 * Shell text with the directory as `$0`: mounts what a system needs to work in, on directories that are there and not mounted on: /proc, /sys, /dev and
 * /run. /dev is the one beneath, whatever it is made of; its terminals then have the same names in both. The bind of
 * the root on itself makes it a mount point, as tools expect of "/".
 */
export const chrootMounts = [
  'pl_free() { [ -d "$1" ] && [ ! -L "$1" ] && ! mountpoint -q "$1" 2>/dev/null; }',
  'pl_free "$0" && mount --rbind "$0" "$0"',
  'cd "$0" || exit 1',
  'pl_free proc && { mount -t proc proc proc || mount --rbind /proc proc; }',
  'pl_free sys && { mount -t sysfs -o ro sysfs sys || mount --rbind /sys sys; }',
  'if ! pl_free dev; then :; elif [ -c /dev/null ]; then mount --rbind /dev dev; else ' +
    'mount -t tmpfs -o mode=755 tmpfs dev && { ' +
    'mknod -m 666 dev/null c 1 3; mknod -m 666 dev/zero c 1 5; mknod -m 666 dev/full c 1 7; ' +
    'mknod -m 666 dev/random c 1 8; mknod -m 666 dev/urandom c 1 9; mknod -m 666 dev/tty c 5 0; ' +
    'ln -s /proc/self/fd dev/fd; ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr; }; fi',
  'pl_free run && [ -d /run ] && mount --rbind /run run',
].join('; ')

/** `mark` begins the report of the process that keeps the namespace; without a report there is none. */
export function formatFirst(directory: string, mark: string, shellCommand: string): string {
  const inside = `${readStart}; ${chrootMounts}; ${formatReport(mark, '$$')}; exec chroot . "$@"`
  const unshare = 'unshare -m --propagation slave'
  return [
    `cd -P -- ${quoteWord(directory)} || exit ${noDirectory}`,
    'PATH=$PATH:/usr/sbin:/sbin',
    `if [ -r /proc/self/ns/mnt ] && command -v nsenter >/dev/null && ${unshare} true; then ` +
      `exec ${unshare} /bin/sh -c ${quoteWord(inside)} "$PWD" ${shellCommand}; fi`,
    `exec chroot . ${shellCommand}`,
  ].join('\n')
}

export function formatNext(keeper: EnteredProcess, shellCommand: string): string {
  const check = formatCheck(keeper, 'the shell that keeps the chroot has gone')
  return `${check}; PATH=$PATH:/usr/sbin:/sbin; exec nsenter -t ${keeper.pid} -m -r -w -- ${shellCommand}`
}

export function formatPlain(directory: string, shellCommand: string): string {
  return `PATH=$PATH:/usr/sbin:/sbin; exec chroot ${quoteWord(directory)} ${shellCommand}`
}
