// Texts for init systems, made from a service's settings; without one, scripts that take the service from the name
// that they are called by.
// Pure: no I/O.
import { quoteCommand, quoteWord } from '@plumbline/common/process/quote'

export type Unit = {
  /** How daemonize is run. */
  program: readonly string[]
  /** Undefined: the script's own name says which. */
  service:
    | {
        name: string
        conf: string
        pidfile: string
        startTimeout: number
        stopTimeout: number
        keep: boolean
      }
    | undefined
}

export const unitKinds = ['systemd', 'openrc', 'sysv', 's6', 'runit'] as const
export type UnitKind = (typeof unitKinds)[number]

export function formatUnit(kind: UnitKind, unit: Unit): string | undefined {
  if (kind === 'openrc') return formatOpenrc(unit)
  if (kind === 'sysv') return formatSysv(unit)
  if (!unit.service) return undefined
  return kind === 'systemd'
    ? formatSystemd(unit.program, unit.service)
    : formatRun(unit.program, unit.service)
}

/** systemd.syntax(7): a word in double quotes, with specifiers and variables taken literally. */
function systemdWord(word: string): string {
  const escaped = word
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$')
  return /^[A-Za-z0-9_@+=:,./-]+$/.test(word) ? word : `"${escaped}"`
}

/** start returns when the service is ready, with its pidfile written: what Type=forking asks for. */
function formatSystemd(program: readonly string[], service: NonNullable<Unit['service']>): string {
  const command = [...program, service.conf].map(systemdWord).join(' ')
  const seconds = (ms: number) => Math.ceil(ms / 1000) + 5
  return `[Unit]
Description=${service.name}
After=network-online.target
Wants=network-online.target

[Service]
Type=forking
PIDFile=${service.pidfile.replaceAll('%', '%%')}
ExecStart=${command} start
ExecStop=${command} stop
ExecReload=${command} reload
TimeoutStartSec=${seconds(service.startTimeout)}
TimeoutStopSec=${seconds(service.stopTimeout)}
KillMode=mixed
Restart=${service.keep ? 'no' : 'on-failure'}

[Install]
WantedBy=multi-user.target
`
}

function formatRun(program: readonly string[], service: NonNullable<Unit['service']>): string {
  return `#!/bin/sh
# ${service.name}: the supervisor's own child becomes the service.
exec 2>&1
exec ${quoteCommand([...program, service.conf, 'nodaemon'])}
`
}

/** Which configuration: the one given, else by the script's name. */
function configLines(service: Unit['service'], name: string): string {
  if (service) return `CONF=${quoteWord(service.conf)}`
  return `NAME=${name}
CONF=$NAME
# No file of that name where the caller happens to be, such as this one.
cd /
# /etc/conf.d/NAME is the configuration itself, or shell that sets CONF.
for file in "/etc/default/$NAME" "/etc/conf.d/$NAME"; do
	if [ -f "$file" ] && grep -Eq '^[[:space:]]*(\\{|"?name"?[[:space:]]*:)' "$file"; then
		CONF=$file
	elif [ -f "$file" ]; then
		. "$file"
	fi
done`
}

function formatSysv({ program, service }: Unit): string {
  const name = service?.name ?? 'daemonize'
  return `#!/bin/sh
### BEGIN INIT INFO
# Provides:          ${name}
# Required-Start:    $remote_fs $network
# Required-Stop:     $remote_fs $network
# Should-Start:      $syslog $named
# Should-Stop:       $syslog $named
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: ${name}
# Description:       ${service ? `${name}, kept by daemonize` : 'Link this to /etc/init.d/NAME: it keeps the service NAME'}
### END INIT INFO
${configLines(service, `$(basename "$0" | sed 's/^[SK][0-9][0-9]//')`)}
run() { ${quoteCommand(program)} "$CONF" "$1"; }

case "$1" in
start | stop | restart | reload | kill | zap)
	run "$1" >/dev/null ;;
status | check | nodaemon)
	run "$1" ;;
try-restart | condrestart)
	run status >/dev/null || exit 0
	run restart >/dev/null ;;
force-reload)
	run reload >/dev/null || run restart >/dev/null ;;
*)
	echo "Usage: $0 {start|stop|restart|try-restart|reload|force-reload|status|kill|zap|check|nodaemon}" >&2
	exit 2 ;;
esac
`
}

function formatOpenrc({ program, service }: Unit): string {
  const name = service?.name ?? 'a service'
  return `#!/sbin/openrc-run
description="${name}, kept by daemonize"
extra_commands="check"
extra_started_commands="reload"
description_check="Checks the configuration"
description_reload="Makes it read its configuration again"
${configLines(service, '$RC_SVCNAME')}
daemonize() { ${quoteCommand(program)} "$CONF" "$1" >/dev/null; }

depend() {
	use net logger dns
	after firewall
}

start() {
	ebegin "Starting $RC_SVCNAME"
	daemonize start
	eend $? "Failed to start $RC_SVCNAME"
}

stop() {
	ebegin "Stopping $RC_SVCNAME"
	daemonize stop
	eend $? "Failed to stop $RC_SVCNAME"
}

reload() {
	ebegin "Reloading $RC_SVCNAME"
	daemonize reload
	eend $? "Failed to reload $RC_SVCNAME"
}

check() {
	ebegin "Checking the configuration of $RC_SVCNAME"
	daemonize check
	eend $?
}

status() {
	daemonize status
	case $? in
	0) einfo "status: started"; return 0 ;;
	1) eerror "status: crashed"; return 32 ;;
	*) einfo "status: stopped"; return 3 ;;
	esac
}
`
}
