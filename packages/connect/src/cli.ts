// The command line of `connect`.
import type { Program } from '@plumbline/common/cli/run-tool'

export const program: Program = {
  line: { program: 'connect', describe: 'DESC', commands: {}, examples: [] },
  schemas: async () => ({ reads: {}, writes: {} }),
  run: async () => 70,
}
