/** What a request may name once is named in as many requests as it takes: the first of each, then the second of each, and so on. */
export function rounds<Item>(items: readonly Item[], nameOf: (item: Item) => string): Item[][] {
  const all: Item[][] = []
  const counts = new Map<string, number>()
  for (const item of items) {
    const n = counts.get(nameOf(item)) ?? 0
    counts.set(nameOf(item), n + 1)
    const round = (all[n] ??= [])
    round.push(item)
  }
  return all
}
