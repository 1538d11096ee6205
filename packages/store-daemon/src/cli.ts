// The command line of `store-daemon`.
import type { Program } from '@plumbline/common/cli/run-tool'

export const program: Program = {
  line: { program: 'store-daemon', describe: 'DESC', commands: {}, examples: [] },
  schemas: async () => ({ reads: {}, writes: {} }),
  run: async () => 70,
}
