// import() of a module that only the user names, TypeScript too. The bundle has no import() of its own: the launcher
// hands it in.
type Module = Record<string, unknown>
declare const importModule: ((specifier: string) => Promise<Module>) | undefined

const imported = (specifier: string): Promise<Module> => {
  if (/\.[cm]?ts$/.test(specifier)) acceptTypescript()
  return typeof importModule === 'function' ? importModule(specifier) : (import(specifier) as Promise<Module>)
}

export { imported as importModule }

let accepted = false
let cache: string | undefined

/** Where modules without their types are kept for the next start. */
export function keepTransformed(folder: string): void {
  cache = folder
}

/** Hooks have a thread of their own, which takes as long as half of Node to start: only who needs them pays. */
function acceptTypescript(): void {
  if (accepted) return
  accepted = true
  const { register } = process.getBuiltinModule('node:module')
  register(new URL('typescript-hooks.cjs', import.meta.url), { data: { folder: cache } })
}
