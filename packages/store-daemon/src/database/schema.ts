// The schema that Guix and Nix share, and its pragmas. Other programs write to the same file: nothing may be added.
import { join } from 'node:path'
import { ToolError } from '@plumbline/common/error/tool-error'
import { fault } from '../fault.ts'
import { readStateFile } from '../store/read-state-file.ts'
import { replaceFile } from '../store/replace-file.ts'
import { openConnection, type Connection } from './open.ts'

const version = 7

const schema = `
create table if not exists ValidPaths (
    id               integer primary key autoincrement not null,
    path             text unique not null,
    hash             text not null,
    registrationTime integer not null,
    deriver          text,
    narSize          integer
);
create table if not exists Refs (
    referrer  integer not null,
    reference integer not null,
    primary key (referrer, reference),
    foreign key (referrer) references ValidPaths(id) on delete cascade,
    foreign key (reference) references ValidPaths(id) on delete restrict
);
create index if not exists IndexReferrer on Refs(referrer);
create index if not exists IndexReference on Refs(reference);
create trigger if not exists DeleteSelfRefs before delete on ValidPaths
  begin
    delete from Refs where referrer = old.id and reference = old.id;
  end;
create table if not exists DerivationOutputs (
    drv  integer not null,
    id   text not null,
    path text not null,
    primary key (drv, id),
    foreign key (drv) references ValidPaths(id) on delete cascade
);
create index if not exists IndexDerivationOutputs on DerivationOutputs(path);
create table if not exists FailedPaths (
    path text primary key not null,
    time integer not null
);
`

/** Opens DIRECTORY/db.sqlite, made new when there is no DIRECTORY/schema. Throws SCHEMA_UNSUPPORTED, STORE_FAILED. */
export function openDatabase(directory: string): Connection {
  const schemaFile = join(directory, 'schema')
  const text = readStateFile(schemaFile)
  const isNew = text === undefined
  if (!isNew) checkVersion(text, schemaFile)
  const connection = openConnection(join(directory, 'db.sqlite'), { busyMs: 60_000 })
  try {
    prepare(connection, isNew, schemaFile)
  } catch (error) {
    connection.close()
    throw error
  }
  return connection
}

function prepare(connection: Connection, isNew: boolean, schemaFile: string): void {
  connection.pragma('foreign_keys = 1')
  connection.pragma('synchronous = normal')
  if (connection.pragma('main.journal_mode', { simple: true }) !== 'wal') {
    connection.pragma('main.journal_mode = wal')
  }
  connection.pragma('wal_autocheckpoint = 40000')
  if (isNew) {
    connection.exec(schema)
    fault('schema-before-version')
    replaceFile(schemaFile, String(version))
  }
  // From here on a lock is waited for without blocking the thread: see Registrar.
  connection.pragma('busy_timeout = 0')
}

function checkVersion(text: string, file: string): void {
  if (!/^[0-9]+\s*$/.test(text))
    throw new ToolError('SCHEMA_UNSUPPORTED', { reason: `\`${file}' is corrupt` })
  const found = Number(text)
  if (found === version) return
  const reason =
    found > version
      ? `current store schema is version ${found}, but I only support ${version}`
      : `Your store database uses an implausibly old schema, version ${found}.`
  throw new ToolError('SCHEMA_UNSUPPORTED', { reason })
}
