// Entry of `store-daemon`.
import { runTool } from '@plumbline/common/cli/run-tool'
import { program } from './cli.ts'

void runTool(program)
