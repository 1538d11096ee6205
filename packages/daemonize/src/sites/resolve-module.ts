export function resolveModule(module: string, _paths: readonly string[], _conf: string): string {
  return module
}
