// import() of a module that only the user names. The bundle has no import() of its own: the launcher hands it in.

type Module = Record<string, unknown>
declare const importModule: ((specifier: string) => Promise<Module>) | undefined

const imported = (specifier: string): Promise<Module> =>
  typeof importModule === 'function' ? importModule(specifier) : (import(specifier) as Promise<Module>)

export { imported as importModule }
