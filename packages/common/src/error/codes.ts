// The catalogue of errors: code → exit status, whether trying again may help, and the sentence.
// A sentence names the object and the reason, quotes what came from outside, and has no final period.
// Pure: no I/O.
import { exitStatus, type ExitStatus } from './exit.ts'

type Details = Readonly<Record<string, unknown>>
type Entry = { exit: ExitStatus; retryable: boolean; sentence: (details: Details) => string }

const say = (exit: ExitStatus, sentence: Entry['sentence']): Entry => ({ exit, retryable: false, sentence })
const sayRetry = (exit: ExitStatus, sentence: Entry['sentence']): Entry => ({
  exit,
  retryable: true,
  sentence,
})
const { usage, data, noInput, unavailable, software, cannotCreate, ioError, tryAgain, protocol } = exitStatus
const { permission, cannotRun, notFound, someFailed } = exitStatus

/** " (hint)" when there is something to add. */
const hint = (text: unknown) => (text ? ` (${String(text)})` : '')
const because = (text: unknown) => (text ? `: ${String(text)}` : '')

function makeCatalogue() {
  return {
    // The command line
    USAGE: say(usage, (d) => `${d.reason}${hint(d.hint)}`),
    TERMINAL_INPUT: say(usage, (d) => `Cannot read ${d.what} from a terminal`),

    // Records
    RECORD_INVALID: say(data, (d) => `Cannot read ${d.input}, line ${d.line}: ${d.reason}`),
    RECORD_TRUNCATED: say(data, (d) => `Cannot read ${d.input}, line ${d.line}: the last line is cut off`),
    STREAM_TRUNCATED: say(
      data,
      (d) => `Cannot trust ${d.input}: it ended without an "end" record${hint(d.hint)}`,
    ),
    RECORD_UNWRITABLE: say(software, (d) => `Cannot write a record: ${d.reason}`),
    OUTPUT_FAILED: say(ioError, (d) => `Cannot write to ${d.output}: ${d.reason}`),
    INPUT_FAILED: say(noInput, (d) => `Cannot read "${d.path}": ${d.reason}`),

    // This machine
    SOCKET_UNAVAILABLE: sayRetry(
      unavailable,
      (d) => `Cannot reach the connection at "${d.socket}": ${d.reason}`,
    ),
    CONNECTION_UNKNOWN: say(
      unavailable,
      (d) => `There is no connection "${d.id}" to ${d.action}${hint(d.hint)}`,
    ),
    TERMINAL_NEEDED: say(usage, (d) => `Cannot go on without a terminal: ${d.reason}`),
    DIRECTORY_UNSAFE: say(permission, (d) => `Cannot use directory "${d.path}": ${d.reason}`),
    CANNOT_CREATE: say(cannotCreate, (d) => `Cannot create "${d.path}": ${d.reason}`),
    COMMAND_NOT_FOUND: say(notFound, (d) => `Cannot run "${d.command}": not found`),
    COMMAND_NOT_EXECUTABLE: say(cannotRun, (d) => `Cannot run "${d.command}": ${d.reason}`),
    COMMAND_FAILED: say(someFailed, (d) => `Command failed with status ${d.status}${because(d.stderr)}`),
    CANCELLED: sayRetry(tryAgain, (d) => `${d.what ?? 'The command'} was cancelled`),
    TIMEOUT: sayRetry(tryAgain, (d) => `${d.what} took longer than ${d.ms} ms`),
    FILES_EXHAUSTED: sayRetry(tryAgain, (d) => `Cannot open another file: ${d.reason}`),
    INTERNAL: say(software, (d) => `Internal error: ${d.reason}`),

    // Secrets
    SECRET_UNREADABLE: say(noInput, (d) => `Cannot read the ${d.what} from ${d.source}: ${d.reason}`),
    SECRET_NEEDED: say(permission, (d) => `Cannot go on without the ${d.what}${hint(d.hint)}`),

    // Connections
    PROTOCOL: say(protocol, (d) => `Cannot understand ${d.peer}: ${d.reason}`),
    CONNECTION_LOST: sayRetry(unavailable, (d) => `Connection to ${d.host} was lost${because(d.reason)}`),
    HOP_FAILED: say(unavailable, (d) => `Cannot enter ${d.hop}: ${d.reason}`),
    HOP_TIMEOUT: sayRetry(tryAgain, (d) => `Cannot enter ${d.hop}: no answer within ${d.ms} ms`),
    HOP_NEEDS: say(unavailable, (d) => `Cannot enter ${d.hop}: it needs ${d.needs}${hint(d.hint)}`),
    HOST_UNKNOWN: say(unavailable, (d) => `Cannot find host "${d.host}"${because(d.reason)}`),
    HOST_UNREACHABLE: sayRetry(unavailable, (d) => `Cannot reach ${d.host}: ${d.reason}`),
    HOST_KEY_MISMATCH: say(
      protocol,
      (d) => `Host key of ${d.host} is not the one in ${d.file}, line ${d.line}: it may be another machine`,
    ),
    HOST_KEY_REVOKED: say(protocol, (d) => `Host key of ${d.host} is revoked in ${d.file}, line ${d.line}`),
    HOST_KEY_UNKNOWN: say(
      protocol,
      (d) => `Host key of ${d.host} is not in ${d.file}: ${d.fingerprint}${hint(d.hint)}`,
    ),
    AUTH_FAILED: say(permission, (d) => `Cannot log in to ${d.host} as ${d.user}: ${d.reason}`),
    SUDO_PASSWORD_REQUIRED: say(
      permission,
      (d) => `Cannot enter ${d.hop}: a password is required${hint(d.hint)}`,
    ),
    SUDO_PASSWORD_WRONG: say(permission, (d) => `Cannot enter ${d.hop}: the password is wrong`),
    SUDO_TERMINAL_REQUIRED: say(
      permission,
      (d) => `Cannot enter ${d.hop}: sudo wants a terminal, and there is no script(1) to make one`,
    ),
    SUDO_REFUSED: say(permission, (d) => `Cannot enter ${d.hop}: ${d.reason}`),
    SU_PASSWORD_REQUIRED: say(
      permission,
      (d) => `Cannot enter ${d.hop}: a password is required${hint(d.hint)}`,
    ),
    SU_PASSWORD_WRONG: say(permission, (d) => `Cannot enter ${d.hop}: the password is wrong`),
    SU_REFUSED: say(permission, (d) => `Cannot enter ${d.hop}: ${d.reason}`),
    NODE_MISSING: say(
      unavailable,
      (d) => `Cannot enter ${d.hop}: ${d.host} has no Node of version 18 or later${hint(d.hint)}`,
    ),
    FILE_NOT_FOUND: say(noInput, (d) => `Cannot read "${d.path}" on ${d.host}: no such file`),
    FILE_UNREADABLE: say(permission, (d) => `Cannot read "${d.path}" on ${d.host}: ${d.reason}`),
    FILE_UNWRITABLE: say(cannotCreate, (d) => `Cannot write "${d.path}" on ${d.host}: ${d.reason}`),

    // Sites and properties
    DATA_UNAVAILABLE: say(noInput, (d) => `Cannot get ${d.name}: ${d.reason}`),
    SITE_INVALID: say(data, (d) => `${d.where}: ${d.reason}${hint(d.hint)}`),
    PROPERTY_FAILED: say(someFailed, (d) => `${d.reason}`),
    PROPERTY_UNKNOWN: say(usage, (d) => `There is no property "${d.name}"${hint(d.hint)}`),
    SH_FAILED: say(unavailable, (d) => `The shell on ${d.host} ended early${because(d.reason)}`),

    // The store. The words are guix-daemon's: its clients look for them.
    BASE32_INVALID: say(data, (d) => `invalid base-32 string \`${d.text}': ${d.reason}`),
    HASH_INVALID: say(data, (d) => `invalid hash \`${d.text}'`),
    HASH_UNKNOWN: say(data, (d) =>
      d.algorithm ? `unknown hash algorithm \`${d.algorithm}'` : 'unknown hash type',
    ),
    STORE_NAME_INVALID: say(data, (d) => `invalid name: \`${d.name}'`),
    STORE_NAME_CHARACTER: say(data, (d) => `invalid character \`${d.character}' in name \`${d.name}'`),
    NOT_IN_STORE: say(data, (d) => `path \`${d.path}' is not in the store`),
    NAR_INVALID: say(data, (d) => `bad archive: ${d.reason}`),
    NAR_NAME_INVALID: say(data, (d) => `NAR contains invalid file name \`${d.name}'`),
    NAR_SOURCE_UNREADABLE: say(noInput, (d) => `Cannot read "${d.path}": ${d.reason}`),
    DERIVATION_INVALID: say(data, (d) => `error parsing derivation \`${d.path}': ${d.reason}`),
    DERIVATION_INCORRECT: say(data, (d) => `derivation \`${d.path}' has ${d.reason}`),
    SEXP_INVALID: say(data, (d) => `invalid S-expression: ${d.reason}`),
    SIGNATURE_INVALID: say(data, (d) => `invalid signature: ${d.reason}`),
    SCHEMA_UNSUPPORTED: say(exitStatus.config, (d) => `${d.reason}`),
    REFERENCE_NOT_VALID: say(data, (d) => `path ‘${d.path}’ is not valid`),
    PATH_NOT_VALID: say(data, (d) => `path \`${d.path}' is not valid`),
    WIRE_INVALID: say(protocol, (d) => `${d.reason}`),
    STORE_REFUSED: say(permission, (d) => `${d.reason}`),
    BUILD_FAILED: say(someFailed, (d) => `${d.reason}`),
    STORE_FAILED: say(someFailed, (d) => `${d.reason}`),
    DAEMON_UNAVAILABLE: sayRetry(
      unavailable,
      (d) => `Cannot reach the store daemon at "${d.address}": ${d.reason}`,
    ),
    DAEMON_PROTOCOL: say(protocol, (d) => `Cannot understand the store daemon: ${d.reason}`),
    DAEMON_REFUSED: say(someFailed, (d) => `${d.message}`),
    LISTEN_FAILED: sayRetry(unavailable, (d) => `Cannot listen on "${d.address}": ${d.reason}`),
    STORE_CONFIG: say(exitStatus.config, (d) => `${d.reason}`),
    DOWNLOAD_FAILED: sayRetry(unavailable, (d) => `Cannot download ${d.url}: ${d.reason}`),
    DOWNLOAD_REFUSED: say(unavailable, (d) => `Cannot download ${d.url}: ${d.reason}`),
    HASH_MISMATCH: say(data, (d) => `${d.what} has hash ${d.actual}, not ${d.expected}`),
    SCHEME_INVALID: say(data, (d) => `cannot make sense of Scheme text: ${d.reason}`),
    SUBSTITUTE_INVALID: say(data, (d) => `${d.reason}`),
    NARINFO_INVALID: say(data, (d) => `Cannot read narinfo, line ${d.line}: ${d.reason}`),

    // Services
    CONFIG_INVALID: say(exitStatus.config, (d) => `Cannot use "${d.where}": ${d.reason}${hint(d.hint)}`),
    CONFIG_UNREADABLE: say(noInput, (d) => `Cannot read "${d.path}": ${d.reason}`),
    CONFIG_UNSAFE: say(permission, (d) => `Cannot trust "${d.path}": ${d.reason}`),
    ACCOUNT_UNKNOWN: say(exitStatus.config, (d) => `There is no ${d.kind} "${d.name}"`),
    MODULE_NOT_FOUND: say(exitStatus.config, (d) => `Cannot find module "${d.module}" in ${d.where}`),
    MODULE_INVALID: say(
      exitStatus.config,
      (d) => `Cannot serve module "${d.module}": expected a function, { fetch }, or { init, handle, close }`,
    ),
    MODULE_FAILED: say(someFailed, (d) => `Cannot load module "${d.module}": ${d.reason}`),
    SERVICE_FORBIDDEN: say(permission, (d) => `Cannot ${d.action} ${d.name}: ${d.reason}`),
    SERVICE_BUSY: sayRetry(tryAgain, (d) => `Cannot ${d.action} ${d.name}: another command works on it`),
    SERVICE_FAILED: say(someFailed, (d) => `Cannot ${d.action} ${d.name}: ${d.reason}`),
    SERVICE_NOT_RUNNING: say(unavailable, (d) => `Cannot ${d.action} ${d.name}: it is not running`),
  } as const satisfies Record<string, Entry>
}

let made: ReturnType<typeof makeCatalogue> | undefined

/** Made for the first error: most runs have none, and would be 0.2 ms longer. */
export const catalogue = () => (made ??= makeCatalogue())

export type ErrorCode = keyof ReturnType<typeof makeCatalogue>
export type ErrorDetails = Details
