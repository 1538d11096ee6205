// What a root directory needs to be worked in: /proc, /sys and /dev, mounted by one piece of shell in a mount
// namespace of its own, where nothing of it is seen outside nor left behind.
// Pure: no I/O.

/**
 * Takes the first argument of its shell off as `$root`. What is there already stays as it is; a mount point that is
 * missing is made. Without /proc nothing can be started there; without the rest much works.
 */
export function formatChrootMounts(): string {
  return [
    'root=$1; shift',
    'if [ ! -d "$root/" ]; then echo "there is no directory $root" >&2; exit 1; fi',
    'mount --make-rprivate /',
    'place() { [ -d "$root/$1" ] || mkdir "$root/$1"; } 2>/dev/null',
    'mount --rbind "$root" "$root" || exit 1',
    'if [ ! -e "$root/proc/self/fd" ] && place proc; then',
    '  mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"',
    'fi',
    'if [ ! -d "$root/sys/kernel" ] && place sys; then mount -t sysfs -o ro sysfs "$root/sys" 2>/dev/null; fi',
    'if [ ! -c "$root/dev/null" ] && place dev; then mount --rbind /dev "$root/dev" 2>/dev/null; fi',
  ].join('\n')
}
