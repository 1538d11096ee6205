// The command line of `daemonize`.
import type { Program } from '@plumbline/common/cli/run-tool'

export const program: Program = {
  line: { program: 'daemonize', describe: 'DESC', commands: {}, examples: [] },
  schemas: async () => ({ reads: {}, writes: {} }),
  run: async () => 70,
}
