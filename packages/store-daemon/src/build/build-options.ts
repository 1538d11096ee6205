// The daemon's options about builds, by guix-daemon's names.
// Pure: no I/O.
import type { OptionTable } from '@plumbline/common/cli/option-table'

export const buildOptions = {
  system: {
    type: 'string',
    argument: 'SYSTEM',
    describe: 'what this machine is (default: of this processor)',
  },
  cores: {
    type: 'string',
    alias: 'c',
    argument: 'N',
    describe: 'cores for each build; 0 is all (default 0)',
  },
  'max-jobs': { type: 'string', alias: 'M', argument: 'N', describe: 'builds at a time (default 1)' },
  timeout: { type: 'string', argument: 'SECONDS', describe: 'fail builds that take longer' },
  'max-silent-time': {
    type: 'string',
    argument: 'SECONDS',
    describe: 'fail builds that are silent for longer',
  },
  rounds: { type: 'string', argument: 'N', describe: 'build each derivation N times, and compare' },
  'disable-chroot': { type: 'boolean', describe: 'let builds see this machine' },
  'chroot-directory': {
    type: 'string',
    argument: 'DIR[=SOURCE]',
    repeat: true,
    describe: 'let builds see SOURCE (default DIR) as DIR',
  },
  'no-offload': { type: 'boolean', describe: 'do not offer builds to the offload hook' },
  'no-build-hook': { type: 'boolean', describe: 'the same' },
  'cache-failures': { type: 'boolean', describe: 'remember which builds failed, and do not try again' },
  'lose-logs': { type: 'boolean', describe: 'do not keep build logs' },
  'disable-log-compression': { type: 'boolean', describe: 'do not compress build logs' },
  'log-compression': { type: 'string', argument: 'gzip|none', describe: 'how (default gzip)' },
  'impersonate-linux-2.6': { type: 'boolean', describe: 'tell builds that the kernel is Linux 2.6' },
} as const satisfies OptionTable
