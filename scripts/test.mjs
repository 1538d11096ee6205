// `npm test`: installs what the tests need, builds, and runs all of them. Arguments go to vitest.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import {
  buildPrograms,
  compilers,
  environment,
  findMissing,
  installDependencies,
  root,
  run,
  searchPath,
} from './prepare.mjs'

// Command that a test runs → Debian package that has it.
const needed = {
  ...compilers,
  awk: 'mawk',
  'bash-static': 'bash-static',
  bash: 'bash',
  busybox: 'busybox-static',
  csh: 'tcsh',
  curl: 'curl',
  dash: 'dash',
  diff: 'diffutils',
  find: 'findutils',
  fish: 'fish',
  gawk: 'gawk',
  gcc: 'gcc',
  git: 'git',
  gpg: 'gnupg',
  ip: 'iproute2',
  jq: 'jq',
  'lxc-start': 'lxc',
  mkfifo: 'coreutils',
  mount: 'mount',
  nc: 'netcat-openbsd',
  nginx: 'nginx-light',
  'nix-store': 'nix-bin',
  'openrc-run': 'openrc',
  openssl: 'openssl',
  pass: 'pass',
  podman: 'podman',
  ps: 'procps',
  runc: 'runc',
  runsv: 'runit',
  's6-svc': 's6',
  script: 'bsdutils',
  setpriv: 'util-linux',
  setfacl: 'acl',
  ssh: 'openssh-client',
  sshd: 'openssh-server',
  strace: 'strace',
  sudo: 'sudo',
  zstd: 'zstd',
  'systemd-analyze': 'systemd',
  unshare: 'util-linux',
  useradd: 'passwd',
}

const { packages, sentence } = findMissing(needed)
if (packages.length > 0) {
  if (process.getuid() !== 0 || findMissing({ 'apt-get': 'apt' }).sentence) {
    console.error(sentence)
    process.exit(1)
  }
  console.error(`Installing ${packages.join(' ')} …`)
  const env = { ...environment, DEBIAN_FRONTEND: 'noninteractive' }
  run('apt-get', ['update', '-qq'], { env, quiet: true })
  run('apt-get', ['install', '-qq', '-y', '--no-install-recommends', ...packages], { env, quiet: true })
}
if (process.getuid() !== 0)
  console.error('Not root: the tests that make users, mounts and an sshd are skipped.')

installDependencies()
buildPrograms()
mkdirSync(`${root}/.cache`, { recursive: true })
const report = `${root}/.cache/test-report.json`
const { status } = spawnSync(
  'vitest',
  ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...process.argv.slice(2)],
  { cwd: root, env: { ...environment, PATH: `${environment.PATH}:${searchPath}` }, stdio: 'inherit' },
)
try {
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, 'utf8'))
  console.log(`${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`)
} catch {
  // vitest has said why there is no report.
}
process.exitCode = status ?? 1
