// Small root directories to enter: one of busybox and links to it, one of copies of this machine's own programs.
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Scratch } from './scratch.ts'

const directories = ['dev', 'etc', 'proc', 'root', 'run', 'sys', 'tmp']
/** As Debian has it, each is a link to its namesake in /usr. */
const merged = ['bin', 'lib', 'lib64', 'sbin']

/** `users`: name → uid. */
type RootfsOptions = { users?: Record<string, number> }

function makeTree(scratch: Scratch, name: string, { users = {} }: RootfsOptions): string {
  const root = scratch.file(name)
  for (const directory of directories) mkdirSync(join(root, directory), { recursive: true })
  for (const directory of merged) {
    mkdirSync(join(root, 'usr', directory), { recursive: true })
    symlinkSync(`usr/${directory}`, join(root, directory))
  }
  chmodSync(join(root, 'tmp'), 0o1777)
  const accounts = Object.entries({ root: 0, ...users })
  const passwd = accounts.map(
    ([user, uid]) => `${user}:x:${uid}:${uid}::${uid ? `/home/${user}` : '/root'}:/bin/sh`,
  )
  writeFileSync(join(root, 'etc/passwd'), `${passwd.join('\n')}\n`)
  writeFileSync(join(root, 'etc/group'), accounts.map(([user, uid]) => `${user}:x:${uid}:\n`).join(''))
  writeFileSync(join(root, 'etc/shadow'), accounts.map(([user]) => `${user}:*:19000:0:99999:7:::\n`).join(''))
  return root
}

/** With the shared libraries that it needs, if any. */
function install(root: string, program: string, to: string): void {
  const file = realpathSync(program)
  mkdirSync(dirname(join(root, to)), { recursive: true })
  cpSync(file, join(root, to))
  for (const library of librariesOf(file)) {
    mkdirSync(dirname(join(root, library)), { recursive: true })
    cpSync(realpathSync(library), join(root, library))
  }
}

function librariesOf(file: string): string[] {
  try {
    return execFileSync('ldd', [file], { stdio: 'pipe' }).toString().match(/\/\S+/g) ?? []
  } catch {
    return []
  }
}

export function makeBusyboxRoot(scratch: Scratch, name: string, options: RootfsOptions = {}): string {
  const root = makeTree(scratch, name, options)
  install(root, '/bin/busybox', '/bin/busybox')
  const applets = execFileSync('/bin/busybox', ['--list']).toString().trim().split('\n')
  for (const applet of applets) if (applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet))
  return root
}

const programs =
  'sh cat chmod chown cp dd env grep head id ls mkdir mktemp mount mountpoint mv ps readlink rm sed setsid sleep ' +
  'sha256sum sort stat tr true umount unshare nsenter chroot wc su setpriv script'

/** Programs of this machine: dash, coreutils, util-linux, and what su needs of PAM. */
export function makeDebianRoot(scratch: Scratch, name: string, options: RootfsOptions = {}): string {
  const root = makeTree(scratch, name, options)
  const path = '/bin:/usr/bin:/usr/sbin:/sbin'.split(':')
  for (const program of programs.split(' ')) {
    const found = path.map((directory) => join(directory, program)).find((file) => existsSync(file))
    if (found === undefined) throw new Error(`there is no ${program}`)
    install(root, found, `/bin/${program}`)
  }
  // Nothing is asked of PAM here: whoever is root becomes anybody.
  const modules = execFileSync('find', [
    '/lib',
    '/usr/lib',
    '-name',
    'pam_permit.so',
    '-o',
    '-name',
    'libnss_files*',
  ])
  for (const file of modules.toString().trim().split('\n').filter(Boolean)) install(root, file, file)
  mkdirSync(join(root, 'etc/pam.d'))
  const stack = ['auth', 'account', 'session', 'password'].map((kind) => `${kind} sufficient pam_permit.so\n`)
  writeFileSync(join(root, 'etc/pam.d/su'), stack.join(''))
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'passwd: files\ngroup: files\nshadow: files\n')
  return root
}
