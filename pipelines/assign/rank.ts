/** Compares place by place, the weightiest first. */
export function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (const [i, value] of a.entries()) if (value !== b[i]!) return value < b[i]! ? -1 : 1
  return 0
}

/** The first of those with the least rank; undefined of none. */
export function least<T>(among: Iterable<T>, rankOf: (item: T) => readonly number[]): T | undefined {
  let best: T | undefined
  let bestRank: readonly number[] | undefined
  for (const item of among) {
    const rank = rankOf(item)
    if (bestRank !== undefined && compareRanks(rank, bestRank) >= 0) continue
    best = item
    bestRank = rank
  }
  return best
}
