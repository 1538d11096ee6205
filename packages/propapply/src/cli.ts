// The command line of `propapply`.
import type { Program } from '@plumbline/common/cli/run-tool'

export const program: Program = {
  line: { program: 'propapply', describe: 'DESC', commands: {}, examples: [] },
  schemas: async () => ({ reads: {}, writes: {} }),
  run: async () => 70,
}
