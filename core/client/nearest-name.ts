import { editDistance } from '../base/edit-distance.ts'

/** The nearest of `candidates`, where one is near enough to be meant. Whether letters are capitals does not count. */
export function nearestName(spelling: string, candidates: readonly string[]): { name: string; distance: number } | undefined {
  let best: { name: string; distance: number } | undefined
  const most = Math.max(2, Math.floor(spelling.length / 3))
  for (const name of candidates) {
    const distance = editDistance(spelling.toLowerCase(), name.toLowerCase())
    if (distance <= most && (best === undefined || distance < best.distance)) best = { name, distance }
  }
  return best
}

/** The nearest of `names`, or all of them, as the end of a sentence. */
export function suggestionOf(spelling: string, names: readonly string[]): string {
  const nearest = nearestName(spelling, names)
  return nearest === undefined ? `; there are: ${names.join(', ')}` : `: did you mean '${nearest.name}'?`
}
