// How many properties came out how. Pure: no I/O.
import { propertyResults, type PropertyResult } from '@plumbline/common/records/property'

export type Counts = Record<PropertyResult, number>

export function makeCounts(): Counts {
  return Object.fromEntries(propertyResults.map((result) => [result, 0])) as Counts
}
