// `connect lxc CONTAINER`: a running LXC container, through lxc-attach(1), which unlike nsenter(1) also joins its
// control group and its security profile, and is the only way that an unprivileged owner has.
//
// Where there are delegated control groups (systemd, cgroup 2) an owner's process can be moved into a container's only
// out of a scope of the owner's own: systemd-run(1) makes one.
import { ToolError } from '@plumbline/common/error/tool-error'
import { quoteCommand, quoteWord } from '@plumbline/common/process/quote'
import { canChange } from '../agent/open-changed.ts'
import { enterContainer, idOptions, parseIds } from '../enter-namespaces.ts'
import { enterShell } from '../enter-shell.ts'
import { kept, type Hop, type HopContext, type OpenedHop } from '../hop.ts'
import { explainMissing } from '../noise.ts'
import { requireNames, requireUser } from '../operands.ts'

export const lxc: Hop = {
  command: {
    operands: 'CONTAINER…',
    describe: 'running LXC containers: setns on an agent of root, else lxc-attach',
    options: {
      owner: { type: 'string', argument: 'USER', describe: 'whose unprivileged containers they are' },
      path: { type: 'string', argument: 'DIRECTORY', describe: 'where the containers are (lxc-attach -P)' },
      ...idOptions,
    },
  },
  targets: (args) => {
    parseIds(args)
    const [owner] = args.values['owner'] ?? []
    if (owner !== undefined) requireUser(owner)
    return requireNames(args, 'a container')
  },
  namesHosts: true,
  keeps: kept.kernel,
  open: openLxc,
}

async function openLxc(context: HopContext): Promise<OpenedHop> {
  const { lower, target: name } = context
  const { uid, gid } = parseIds(context.arguments)
  const [owner = lower.place.user] = context.arguments.values['owner'] ?? []
  const [path] = context.arguments.values['path'] ?? []
  const label = `lxc:${name}`
  const other = owner !== lower.place.user
  if (other && lower.place.uid !== 0) {
    const needs = `${owner} or root beneath it`
    throw new ToolError('HOP_NEEDS', { hop: label, needs, hint: 'connect sudo' })
  }
  const where = [...(path === undefined ? [] : ['-P', path]), '-n', name]
  if (canChange(lower) && owner === 'root') {
    return enterContainer(context, {
      label,
      host: name,
      find: `pl_p=$(${quoteCommand(['lxc-info', ...where, '-pH'])})`,
    })
  }
  const attach = quoteCommand([
    'lxc-attach',
    ...where,
    '--clear-env',
    ...(uid === undefined ? [] : ['-u', uid]),
    ...(gid === undefined ? [] : ['-g', gid]),
    '--',
  ])
  return enterShell(context, {
    label,
    host: name,
    wrap: (shellCommand) => {
      const command = `${attach} ${shellCommand}`
      if (owner === 'root') return `exec ${command}`
      const scoped = inScope(command)
      return other ? `exec runuser -u ${quoteWord(owner)} -- /bin/sh -c ${quoteWord(scoped)}` : scoped
    },
    explain: explainMissing(label, 'lxc-attach(1), and /bin/sh in the container'),
  })
}

/** As the owner, whose service manager is found through its runtime directory. */
function inScope(command: string): string {
  return [
    'XDG_RUNTIME_DIR=/run/user/$(id -u)',
    'export XDG_RUNTIME_DIR',
    'unset -v DBUS_SESSION_BUS_ADDRESS',
    'if [ -S "$XDG_RUNTIME_DIR/systemd/private" ] && command -v systemd-run >/dev/null; then',
    `  exec systemd-run --user --scope --quiet -p Delegate=yes -- ${command}`,
    'fi',
    `exec ${command}`,
  ].join('\n')
}
