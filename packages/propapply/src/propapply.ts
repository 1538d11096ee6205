// The work of propapply from the site to the `end` record.
import type { Tool } from '@plumbline/common/cli/run-tool'
import { canErase, isTerminal } from '@plumbline/common/cli/terminal'
import { exitStatus } from '@plumbline/common/error/exit'
import { ToolError } from '@plumbline/common/error/tool-error'
import { applySite, planHost } from './apply-site.ts'
import { findHosts, leaveConnections, type Hosts } from './hosts.ts'
import { parseOptions, type Options } from './options.ts'
import { Reporter } from './report/reporter.ts'
import { loadSite } from './site.ts'
import type { Application } from './check-application.ts'

export async function propapply(tool: Tool): Promise<number> {
  const options = parseOptions(tool.arguments)
  const { applications, faults } = await loadSite(options.sites, options.inline, options.unapply, tool.signal)
  if (faults.length > 0) {
    for (const fault of faults) tool.diagnose(fault)
    await leaveConnections(tool)
    return exitStatus.data
  }
  // What was built last is taken down first.
  if (options.unapply) applications.reverse()
  const hosts = await findHostsOrEnd(tool, options)
  const known = new Set(hosts.hosts.map(({ name }) => name))
  for (const host of new Set(applications.map((each) => each.host))) {
    if (host !== undefined && !known.has(host)) tool.diagnose(`There is no connection to host "${host}"`)
  }
  return applyAndReport(tool, options, hosts, applications)
}

/** A stream of work ends with an `end` record, also when it never began. */
async function findHostsOrEnd(tool: Tool, options: Options): Promise<Hosts> {
  try {
    return await findHosts(tool, options.local)
  } catch (error) {
    if (error instanceof ToolError) {
      const reporter = await makeReporter(tool, options, [])
      await reporter.end(false)
    }
    throw error
  }
}

async function applyAndReport(
  tool: Tool,
  options: Options,
  { hosts, upstreamOk }: Hosts,
  applications: readonly Application[],
): Promise<number> {
  const reporter = await makeReporter(
    tool,
    options,
    hosts.map(({ name }) => name),
  )
  const progress = await makeProgress(
    tool,
    hosts.reduce((sum, { name }) => sum + planHost(name, applications).length, 0),
  )
  reporter.onResult = () => progress?.step()
  try {
    await applySite(hosts, applications, reporter, { ...options, signal: tool.signal })
  } finally {
    progress?.end()
    await Promise.all(hosts.map((host) => host.close()))
  }
  const ok = upstreamOk && !reporter.failed && reporter.counts.failed === 0 && !tool.signal.aborted
  await reporter.end(ok)
  return ok ? exitStatus.ok : exitStatus.someFailed
}

async function makeReporter(tool: Tool, { mode }: Options, hosts: readonly string[]): Promise<Reporter> {
  const table = isTerminal(1) ? await makeTable(tool, hosts) : undefined
  return new Reporter(tool, { table, diff: mode.diff })
}

async function makeTable({ environment }: Tool, hosts: readonly string[]) {
  const { Table } = await import('./report/table.ts')
  return new Table({ colour: !environment['NO_COLOR'] && environment['TERM'] !== 'dumb', hosts })
}

/** Where results are shown as they come, they are the progress. */
async function makeProgress({ environment }: Tool, total: number) {
  if (isTerminal(1) || !canErase(2, environment)) return undefined
  const { Progress } = await import('./report/progress.ts')
  return new Progress(total)
}
