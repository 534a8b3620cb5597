import { editDistance } from '../base/edit-distance.ts'

/** The candidate that takes the fewest edits to become `name`: for "did you mean". */
export function closest(name: string, candidates: readonly string[]): string {
  let best = candidates[0] ?? ''
  let fewest = Infinity
  for (const candidate of candidates) {
    const edits = editDistance(name, candidate)
    if (edits < fewest) {
      fewest = edits
      best = candidate
    }
  }
  return best
}
