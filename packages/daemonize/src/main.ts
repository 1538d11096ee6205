// Entry of `daemonize`, and of the server of sites that it starts.
import { runTool } from '@plumbline/common/cli/run-tool'
import { program } from './cli.ts'

if (process.argv[2] === '--serve') {
  void import('./sites/host.ts').then(({ runHost }) => runHost(Number(process.argv[3])))
} else {
  void runTool(program)
}
