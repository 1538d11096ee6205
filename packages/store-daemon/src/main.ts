// Entry of `store-daemon`, and of its worker threads.
import { runTool } from '@plumbline/common/cli/run-tool'
import { program } from './cli.ts'

// node:worker_threads could tell whether this is a worker thread, but takes longer to load than `--version` does.
if (process.argv[2] === '--worker-thread') void startThread()
else void runTool(program)

async function startThread(): Promise<void> {
  const { runWorker } = await import('./work/worker.ts')
  if (!runWorker()) await runTool(program)
}
