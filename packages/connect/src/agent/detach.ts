// The descriptors that are handed into a container (runtime.ts) lead to this machine's files: whoever is root there can
// open what a process that has come in holds, and go up from a directory, or keep its program and write it once it has
// ended. So each is opened anew on a mount of its own, read only, which is then nowhere: its top has nothing above it.
// Pure: no I/O.

const detach = [
  'PATH=$PATH:/usr/sbin:/sbin',
  'pl_n=$1 pl_end=$2; shift 2',
  'while [ "$pl_n" -lt "$pl_end" ]; do',
  '  pl_f=$(readlink "/proc/self/fd/$pl_n") && mount --bind "$pl_f" "$pl_f" &&',
  '    mount -o remount,bind,ro "$pl_f" && eval "exec $pl_n<\\"\\$pl_f\\"" && umount -l "$pl_f" || exit',
  '  pl_n=$((pl_n+1))',
  'done',
  'exec "$@"',
].join('\n')

/** Put before a command: in a mount namespace of its own, which that leaves, does so for `count` from `first` on. */
export function formatDetach(first: number, count: number): string[] {
  const script = ['/bin/sh', '-c', detach, 'plumbline', String(first), String(first + count)]
  return ['unshare', '-m', '--propagation', 'private', '--', ...script]
}
