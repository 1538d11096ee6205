// Capability names to the kernel's bits (linux/capability.h, in its order).
// Pure: no I/O.
import { ToolError } from '@plumbline/common/error/tool-error'
import { suggestName } from '@plumbline/common/cli/suggest-name'

// prettier-ignore
const names = [
  'chown', 'dac_override', 'dac_read_search', 'fowner', 'fsetid', 'kill', 'setgid', 'setuid', 'setpcap',
  'linux_immutable', 'net_bind_service', 'net_broadcast', 'net_admin', 'net_raw', 'ipc_lock', 'ipc_owner',
  'sys_module', 'sys_rawio', 'sys_chroot', 'sys_ptrace', 'sys_pacct', 'sys_admin', 'sys_boot', 'sys_nice',
  'sys_resource', 'sys_time', 'sys_tty_config', 'mknod', 'lease', 'audit_write', 'audit_control', 'setfcap',
  'mac_override', 'mac_admin', 'syslog', 'wake_alarm', 'block_suspend', 'audit_read', 'perfmon', 'bpf',
  'checkpoint_restore',
]

/** The set of the capabilities named ("net_bind_service" or "CAP_NET_BIND_SERVICE"). Throws CONFIG_INVALID. */
export function capabilityMask(given: readonly string[], where: string): bigint {
  return given.reduce((mask, name) => {
    const plain = name.toLowerCase().replace(/^cap_/, '')
    const bit = names.indexOf(plain)
    if (bit < 0) {
      const hint = suggestName(plain, names)
      throw new ToolError('CONFIG_INVALID', { where, reason: `there is no capability "${name}"`, hint })
    }
    return mask | (1n << BigInt(bit))
  }, 0n)
}
