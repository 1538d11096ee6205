// The agent as it was built beside this program: its compressed bytes, their hash, and the text that loads it.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export type AgentFile = { bytes: Buffer; hash: string; loader: string }

export function readAgentFile(): AgentFile {
  const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
  const { hash, loader } = JSON.parse(readFileSync(path('agent.json'), 'utf8')) as Omit<AgentFile, 'bytes'>
  return { bytes: readFileSync(path('agent.cjs.br')), hash, loader }
}
