// Entry of `daemonize`.
import { runTool } from '@plumbline/common/cli/run-tool'
import { program } from './cli.ts'

void runTool(program)
