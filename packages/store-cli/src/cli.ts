// The command line of `store-cli`.
import type { Program } from '@plumbline/common/cli/run-tool'

export const program: Program = {
  line: { program: 'store-cli', describe: 'DESC', commands: {}, examples: [] },
  schemas: async () => ({ reads: {}, writes: {} }),
  run: async () => 70,
}
