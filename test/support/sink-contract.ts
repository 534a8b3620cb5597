import type { ExecutionContext, TestFn } from 'ava'
import type { PartitionSink, Sink } from '../../connectors/types.ts'
import { numberedBatch, type KitContext } from './ledger-kit.ts'
import { seededNumbers } from './seeded-numbers.ts'

/** One store that sinks write to, and what is in it. */
export interface SinkSubject {
  /** A sink as a process would make it. */
  sink(): Sink
  readonly context: KitContext
  /** The numbers of all records that a reader of the store sees. */
  stored(): Promise<number[]>
}

const TOPIC = 'flights'
const END = 200

/**
 * What every sink that owns its position must keep, whatever it writes to: a driver that is killed between any two calls, or in the middle
 * of a commit, and starts again, leaves each record once.
 */
export function sinkContract(test: TestFn, name: string, make: (t: ExecutionContext) => Promise<SinkSubject>): void {
  test(`${name}: what was not committed is not visible, what was committed is`, async (t) => {
    const subject = await make(t)
    const { partition } = await opened(subject)
    t.is((await partition.recover!()).offset, 0)
    await partition.write(numberedBatch(TOPIC, 0, 0, 10))
    t.deepEqual(await subject.stored(), [])
    const committed = await partition.commit({ offset: 10, leaderEpoch: 0 })
    t.is(committed.records, 10)
    t.deepEqual(await subject.stored(), range(10))
    await partition.write(numberedBatch(TOPIC, 0, 10, 20))
    await partition.close()
    t.deepEqual(await subject.stored(), range(10))
    const next = await opened(subject)
    t.is((await next.partition.recover!()).offset, 10)
  })

  test(`${name}: abort drops what was written since the commit`, async (t) => {
    const subject = await make(t)
    const { partition } = await opened(subject)
    await partition.recover!()
    await partition.write(numberedBatch(TOPIC, 0, 0, 10))
    await partition.commit({ offset: 10, leaderEpoch: 0 })
    await partition.write(numberedBatch(TOPIC, 0, 10, 20))
    await partition.abort!()
    t.is((await partition.recover!()).offset, 10)
    await partition.write(numberedBatch(TOPIC, 0, 10, 30))
    await partition.commit({ offset: 30, leaderEpoch: 0 })
    t.deepEqual(await subject.stored(), range(30))
  })

  test(`${name}: a commit without news does nothing, and reports nothing`, async (t) => {
    const subject = await make(t)
    const { partition } = await opened(subject)
    await partition.recover!()
    await partition.commit({ offset: 0, leaderEpoch: -1 })
    t.is(subject.context.reports.size, 0)
  })

  test(`${name}: of two owners one commits; the other is told, and goes on behind it`, async (t) => {
    const subject = await make(t)
    const first = (await opened(subject)).partition
    const second = (await opened(subject)).partition
    await first.recover!()
    await second.recover!()
    await first.write(numberedBatch(TOPIC, 0, 0, 10))
    await second.write(numberedBatch(TOPIC, 0, 0, 15))
    await second.commit({ offset: 15, leaderEpoch: 0 })
    await t.throwsAsync(first.commit({ offset: 10, leaderEpoch: 0 }), { code: 'ATTEMPT_DEAD' })
    t.is((await first.recover!()).offset, 15)
    await first.write(numberedBatch(TOPIC, 0, 15, 20))
    await first.commit({ offset: 20, leaderEpoch: 0 })
    t.deepEqual(await subject.stored(), range(20))
  })

  test(`${name}: killed between any two calls and within commits, each record is stored once`, async (t) => {
    for (let seed = 1; seed <= 10; seed++) {
      const subject = await make(t)
      await untilTheEnd(subject, seededNumbers(seed))
      t.deepEqual(await subject.stored(), range(END), `seed ${seed}`)
    }
  })
}

async function opened(subject: SinkSubject): Promise<{ partition: PartitionSink }> {
  const open = await subject.sink().open(subject.context)
  return { partition: open.partition(TOPIC, 0) }
}

/** Drives a sink to the end of the topic through any number of deaths. */
async function untilTheEnd(subject: SinkSubject, random: () => number): Promise<void> {
  const zombies: Promise<unknown>[] = []
  for (let position = 0; position < END;) {
    const { partition } = await opened(subject)
    position = (await partition.recover!()).offset
    try {
      while (position < END) {
        const next = Math.min(END, position + 1 + Math.floor(random() * 25))
        await partition.write(numberedBatch(TOPIC, 0, position, next))
        position = next
        if (random() < 0.15) break
        if (random() < 0.5) continue
        const commit = partition.commit({ offset: position, leaderEpoch: 0 })
        // A death within the commit: nobody waits for it, and it goes on as a zombie.
        if (random() < 0.3) {
          zombies.push(commit.catch(() => undefined))
          position = 0
          break
        }
        await commit
        if (random() < 0.1) break
      }
      if (position === END) await partition.commit({ offset: END, leaderEpoch: 0 })
    } catch (error) {
      if ((error as { code?: string }).code !== 'ATTEMPT_DEAD') throw error
      position = 0
    }
  }
  await Promise.all(zombies)
}

function range(next: number): number[] {
  return Array.from({ length: next }, (_, n) => n)
}
