// Entry of `store-daemon`, and of its worker threads.
import { parentPort } from 'node:worker_threads'
import { runTool } from '@plumbline/common/cli/run-tool'
import { program } from './cli.ts'
import { runWorker } from './work/worker.ts'

if (parentPort) runWorker(parentPort)
else void runTool(program)
