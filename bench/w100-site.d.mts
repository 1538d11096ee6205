// Types of w100-site.mjs, for the tests.
type Owner = { owner?: string; group?: string }

export function site(root: string, owner?: Owner): object[]
export function script(root: string, owner?: Owner): string
export function snapshot(root: string): string
