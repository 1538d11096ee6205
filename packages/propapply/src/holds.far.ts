// Entry of what is sent to an agent (held-there.ts).
export { countHeld as main } from './holds.ts'
