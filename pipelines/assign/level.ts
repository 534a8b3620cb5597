import { least } from './rank.ts'

export interface Levelling<T> {
  /** Whether a member can have it. */
  readonly may: (item: T, to: number) => boolean
  /** What a move costs, the weightiest first; of what a member may give away it gives what costs least. */
  readonly cost: (item: T, from: number, to: number) => readonly number[]
  readonly moved?: (item: T, from: number, to: number) => void
}

/**
 * Moves items from the members that have most to those that have least, until nobody has two more than another whom it could give
 * something. Where all members can have all items, numbers differ by one at most then, and no fewer moves would do.
 */
export function level<T>(placed: T[][], levelling: Levelling<T>): void {
  while (moveOne(placed, levelling));
}

function moveOne<T>(placed: T[][], { may, cost, moved }: Levelling<T>): boolean {
  const byLoad = placed.map((_, member) => member).sort((a, b) => placed[b]!.length - placed[a]!.length || a - b)
  for (const from of byLoad) {
    for (const to of byLoad.toReversed()) {
      if (placed[from]!.length - placed[to]!.length < 2) break
      const item = least(
        placed[from]!.filter((each) => may(each, to)),
        (each) => cost(each, from, to),
      )
      if (item === undefined) continue
      placed[from]!.splice(placed[from]!.indexOf(item), 1)
      placed[to]!.push(item)
      moved?.(item, from, to)
      return true
    }
  }
  return false
}
