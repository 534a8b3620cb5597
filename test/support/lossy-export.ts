import type { Sink } from '../../connectors/types.ts'
import { numberedBatch, type KitContext } from './ledger-kit.ts'

const TOPIC = 'flights'

/** What a driver may meet and go on from, by starting the partition again: the code, and how often. */
export type Setbacks = Map<string, number>

/**
 * Exports the numbered records up to `end` through whatever errors pass by themselves; any other ends it. A driver of two instances in turn
 * when `rivals`, each of which may be the zombie of the other.
 */
export async function exportThrough(makeSink: () => Sink, context: KitContext, end: number, random: () => number): Promise<Setbacks> {
  const setbacks: Setbacks = new Map()
  const zombies: Promise<unknown>[] = []
  let position = 0
  while (position < end) {
    const open = await makeSink().open(context)
    const partition = open.partition(TOPIC, 0)
    try {
      position = (await partition.recover!()).offset
      while (position < end) {
        const next = Math.min(end, position + 1 + Math.floor(random() * 40))
        await partition.write(numberedBatch(TOPIC, 0, position, next))
        const commit = partition.commit({ offset: next, leaderEpoch: 0 })
        if (random() < 0.1) {
          // It is taken for dead in mid-commit, and goes on.
          zombies.push(commit.catch(() => undefined))
          position = 0
          break
        }
        await commit
        position = next
      }
    } catch (error) {
      const { code = '', retriable = false } = error as { code?: string; retriable?: boolean }
      if (!retriable) throw error
      setbacks.set(code, (setbacks.get(code) ?? 0) + 1)
      position = 0
    }
  }
  await Promise.all(zombies)
  return setbacks
}
