import { type Bolt, bolt, spout, type SpoutDefinition, type BoltDefinition } from '../../pipelines/topology/index.ts'

/** A spout of these tuples that replays what fails, and ends when all are acked. */
export function replaying<O extends object>(
  all: readonly O[],
): SpoutDefinition<O> & { readonly acked: number[]; readonly failed: number[] } {
  const [acked, failed]: [number[], number[]] = [[], []]
  const definition = spout<O>((out) => {
    const next = all.map((_, id) => id)
    return {
      nextTuple() {
        const id = next.shift()
        if (id !== undefined) out.emit(all[id]!, id)
      },
      ack: (id: number) => void acked.push(id),
      fail(id: number) {
        failed.push(id)
        next.push(id)
      },
      ended: () => next.length === 0,
    }
  })
  return { ...definition, acked, failed }
}

/** A bolt that keeps what comes to each of its tasks, by the number of the task among its own. */
export function collecting<I extends object>(): BoltDefinition<I, Readonly<Record<never, never>>> & { readonly got: Map<number, I[]> } {
  const got = new Map<number, I[]>()
  const definition = bolt<I>((_out, { taskIndex }): Bolt<I> => {
    if (!got.has(taskIndex)) got.set(taskIndex, [])
    return { execute: ({ values }) => void got.get(taskIndex)!.push(values) }
  })
  return { ...definition, got }
}

/** Lets the event loop turn until something holds. */
export async function turnsUntil(holds: () => boolean, max = 10_000): Promise<void> {
  for (let turn = 0; !holds(); turn++) {
    if (turn === max) throw new Error(`it does not hold after ${max} turns of the event loop`)
    await new Promise(setImmediate)
  }
}

/** Lets the event loop turn a number of times: what was going to happen without time passing has happened. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}

export function numbers(count: number): { n: number }[] {
  return Array.from({ length: count }, (_, n) => ({ n }))
}
