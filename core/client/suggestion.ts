import { nearestName } from '../base/edit-distance.ts'

/** The nearest of `names`, or all of them, as the end of a sentence about a name that is none. */
export function suggestionOf(spelling: string, names: readonly string[]): string {
  const nearest = nearestName(spelling, names)
  return nearest === undefined ? `; there are: ${names.join(', ')}` : `: did you mean '${nearest}'?`
}
