// Entry of `store-daemon`, of its worker threads, and of the process that downloads for builds.
import { runTool } from '@plumbline/common/cli/run-tool'
import { program } from './cli.ts'

// node:worker_threads could tell whether this is a worker thread, but takes longer to load than `--version` does.
if (process.argv[2] === '--worker-thread') void startThread()
else if (process.argv[2] === '--download') void startDownload()
else void runTool(program)

async function startThread(): Promise<void> {
  const { runWorker } = await import('./work/worker.ts')
  if (!runWorker()) await runTool(program)
}

async function startDownload(): Promise<void> {
  const { runDownload } = await import('./download/download-process.ts')
  process.exitCode = await runDownload()
}
