import test from 'ava'
import fc from 'fast-check'
import { json, string } from '../../core/serde/primitives.ts'
import {
  calendar,
  countWindow,
  hopping,
  map,
  type Pipeline,
  pipeline,
  session,
  sliding,
  together,
  topic,
  tumbling,
  within,
} from '../../pipelines/index.ts'
import { sameUnderAnyEpochSize } from '../../pipelines/testing/index.ts'
import type { PlainWindows } from '../../pipelines/windows/any.ts'
import { type Fed, TestTask } from '../support/pipelines.ts'

interface Given {
  start: number
  end: number
  values: number[]
}

const input = topic('in', { key: string, value: json<number>() })
const output = topic('out', { key: string, value: json<Given>() })
const lates = topic('lates', input)

/** Every value with the times of its window, and what came too late. */
function collecting(windows: PlainWindows): Pipeline {
  const results = pipeline('kinds')
    .from(input)
    .groupByKey()
    .window(windows)
    .aggregate({ init: (): number[] => [], add: (values, r) => [...values, r.value] })
  const given = results.pipe(map(({ key, value: values, timestamp, window }) => ({ key, value: { ...window, values }, timestamp })))
  return together(given.to(output), results.late.to(lates))
}

/** Epochs of records in disorder, each with a value of its own. */
const disordered = (most: number): fc.Arbitrary<Fed[][]> =>
  fc
    .array(fc.array(fc.record({ key: fc.constantFrom('a', 'b'), timestamp: fc.nat({ max: most }) }), { maxLength: 8 }), { maxLength: 8 })
    .map((epochs) => {
      let value = 0
      return epochs.map((epoch) => epoch.map((record) => ({ ...record, value: value++ })))
    })

/** A record as the models see it, with how far time had come at it. */
interface Seen {
  key: string
  timestamp: number
  value: number
  watermark: number
}

function seen(records: readonly Fed[]): Seen[] {
  let watermark = -1
  return records.map(({ key, timestamp, value }) => {
    watermark = Math.max(watermark, timestamp!)
    return { key: key as string, timestamp: timestamp!, value: value as number, watermark }
  })
}

async function played(windows: PlainWindows, epochs: readonly (readonly Fed[])[]) {
  const task = new TestTask(collecting(windows))
  for (const epoch of epochs) await task.epoch(epoch)
  await task.epoch([], { ended: true })
  const results = task.log.read(output).map(({ key, value, timestamp }) => ({ key, ...value, timestamp }))
  return { results, late: task.log.read(lates).map(({ value }) => value) }
}

const textOf = (key: string, { start, end, values }: Given): string => `${key} ${start}-${end}: ${values.join()}`
const inOrder = ({ values, ...rest }: Given): Given => ({ ...rest, values: values.toSorted((a, b) => a - b) })

const DIFFERENCE = 9
const GRACE = 6

/** The windows that begin or end at a record, and whatever comes into them before they close. */
function slidingModel(records: readonly Seen[]): { results: string[]; late: number[] } {
  const closed = ({ watermark }: Seen): number => watermark - GRACE
  const taken = records.filter((r) => r.timestamp + DIFFERENCE >= closed(r))
  const results = new Set<string>()
  for (const [i, first] of taken.entries()) {
    for (const end of [first.timestamp, first.timestamp + 1 + DIFFERENCE]) {
      const start = end - DIFFERENCE
      const within = taken.filter((r) => r.key === first.key && r.timestamp >= start && r.timestamp <= end)
      const values = within.filter((r) => end >= closed(r)).map(({ value }) => value)
      // It comes to be with the later one of this record and the first that is in it.
      const born = taken[Math.max(i, taken.indexOf(within[0]!))]
      if (within.length > 0 && end >= closed(born!)) results.add(textOf(first.key, { start, end, values }))
    }
  }
  return { results: [...results].sort(), late: records.filter((r) => !taken.includes(r)).map(({ value }) => value) }
}

test('sliding windows give each set of near records once, equal to a naive model, whatever the disorder', async (t) => {
  await fc.assert(
    fc.asyncProperty(disordered(60), async (epochs) => {
      const { results, late } = await played(sliding(DIFFERENCE, { grace: GRACE }), epochs)
      const model = slidingModel(seen(epochs.flat()))
      t.deepEqual(results.map((r) => textOf(r.key, inOrder(r))).toSorted(), model.results)
      t.deepEqual(late, model.late)
      t.true(results.every(({ timestamp, end }) => timestamp === end))
    }),
    { numRuns: 500 },
  )
})

test('sliding windows that emit updates end with what they would give on close', async (t) => {
  await fc.assert(
    fc.asyncProperty(disordered(60), async (epochs) => {
      const { results, late } = await played(sliding(DIFFERENCE, { grace: GRACE, emit: 'update' }), epochs)
      const last = new Map(results.map((r) => [`${r.key} ${r.start}`, textOf(r.key, inOrder(r))]))
      const model = slidingModel(seen(epochs.flat()))
      t.deepEqual([...last.values()].sort(), model.results)
      t.deepEqual(late, model.late)
    }),
    { numRuns: 300 },
  )
})

test('count windows give the last records of a key in the order in which they came', async (t) => {
  const sizes = fc.integer({ min: 1, max: 6 }).chain((size) => fc.tuple(fc.constant(size), fc.integer({ min: 1, max: size })))
  await fc.assert(
    fc.asyncProperty(disordered(60), sizes, async (epochs, [size, advance]) => {
      const { results, late } = await played(countWindow(size, { advance }), epochs)
      const expected = ['a', 'b'].flatMap((key) => {
        const all = seen(epochs.flat()).filter((r) => r.key === key)
        const ends = all.map((_, i) => i + 1).filter((n) => n % advance === 0)
        return ends.map((n) => {
          const last = all.slice(Math.max(0, n - size), n)
          const times = last.map(({ timestamp }) => timestamp)
          return textOf(key, { start: Math.min(...times), end: Math.max(...times), values: last.map(({ value }) => value) })
        })
      })
      t.deepEqual(
        results.toSorted((x, y) => (x.key < y.key ? -1 : x.key > y.key ? 1 : 0)).map((r) => textOf(r.key, r)),
        expected,
      )
      t.deepEqual(late, [])
    }),
    { numRuns: 200 },
  )
})

test('count windows that emit updates speak at each record', async (t) => {
  const { results } = await played(countWindow(2, { emit: 'update' }), [
    [5, 3, 9].map((timestamp, value) => ({ key: 'a', timestamp, value })),
  ])
  t.deepEqual(
    results.map((r) => textOf(r.key, r)),
    ['a 5-5: 0', 'a 3-5: 0,1', 'a 9-9: 2'],
  )
})

const HOUR = 3_600_000

test('calendar windows give what a naive count by the date in their zone gives', async (t) => {
  const zone = 'Europe/Prague'
  const dates = new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' })
  const from = Date.UTC(2026, 9, 23)
  await fc.assert(
    fc.asyncProperty(disordered(100), async (epochs) => {
      const shifted = epochs.map((epoch) => epoch.map((r) => ({ ...r, timestamp: from + r.timestamp! * HOUR })))
      const { results, late } = await played(calendar('day', { zone, grace: '20h' }), shifted)
      const days = new Map<string, { last: number; values: number[] }>()
      const tooLate: number[] = []
      for (const { key, timestamp, value, watermark } of seen(shifted.flat())) {
        // Every hour of the day begins with a millisecond; the day is over when that of the next day has come, and the grace is over.
        const day = dates.format(timestamp)
        if (day < dates.format(watermark - 20 * HOUR)) tooLate.push(value)
        else {
          const counted = days.get(`${key} ${day}`) ?? { last: 0, values: [] }
          days.set(`${key} ${day}`, { last: 0, values: [...counted.values, value] })
        }
      }
      const found = results.map(({ key, start, end, values, timestamp }) => {
        t.is(timestamp, end - 1)
        t.is(dates.format(start), dates.format(end - 1))
        return `${key} ${dates.format(start)}: ${values.join()}`
      })
      t.deepEqual(found.toSorted(), Array.from(days, ([name, { values }]) => `${name}: ${values.join()}`).toSorted())
      t.deepEqual(late, tooLate)
    }),
    { numRuns: 100 },
  )
})

const kinds: Readonly<Record<string, PlainWindows>> = {
  tumbling: tumbling(10, { grace: 3 }),
  hopping: hopping(10, { advance: 4, grace: 3 }),
  'hopping, updates': hopping(10, { advance: 4, grace: 3, emit: 'update' }),
  sliding: sliding(8, { grace: 3 }),
  'sliding, updates': sliding(8, { grace: 3, emit: 'update' }),
  calendar: calendar('day', { grace: 3 }),
  count: countWindow(3),
  'count, overlapping': countWindow(5, { advance: 2 }),
  'count, updates': countWindow(5, { advance: 2, emit: 'update' }),
}

const mixed = [5, 12, 9, 30, 14, 31, 2, 44, 43, 60, 20, 61].map((timestamp, value) => ({
  key: value % 3 === 0 ? 'a' : 'b',
  value,
  timestamp,
}))

for (const [name, windows] of Object.entries(kinds)) {
  test(`results and late records are the same under epochs of any size and crashes anywhere: ${name}`, async (t) => {
    const scale = windows.kind === 'calendar' ? 5 * HOUR : 1
    await sameUnderAnyEpochSize(collecting(windows), async (kit) => {
      await kit.pipe(
        input,
        mixed.map((record) => ({ ...record, timestamp: record.timestamp * scale })),
      )
      await kit.end()
      t.is(kit.metrics.late, kit.written()['lates']!.length)
    })
  })
}

test('what is late in sessions comes out of them, the same under epochs of any size', async (t) => {
  const sessions = pipeline('sessions').from(input).groupByKey().window(session(5)).count()
  const given = sessions.pipe(map(({ key, value, window }) => ({ key, value: { ...window, values: [value] } })))
  await sameUnderAnyEpochSize(together(given.to(output), sessions.late.to(lates)), async (kit) => {
    await kit.pipe(input, mixed)
    await kit.end()
    const late = kit.written()['lates']!.map(({ value }) => value)
    t.deepEqual(late, [4, 6, 10])
    t.is(kit.metrics.late, 3)
  })
})

test('what is late in a join comes out of it, of each stream by itself', async (t) => {
  const other = topic('other', input)
  const otherLates = topic('other-lates', input)
  const start = pipeline('joined')
  const joined = start.from(input).leftJoin(start.from(other), (x, y) => x + (y ?? 0), within(5, { grace: 2 }))
  const whole = together(joined.to(topic('sums', input)), joined.late.to(lates), joined.otherLate.to(otherLates))
  await sameUnderAnyEpochSize(
    whole,
    async (kit) => {
      for (const record of mixed) {
        await kit.pipe(input, [record])
        await kit.pipe(other, [record])
      }
      await kit.end()
      // Both streams have come as far as the other when a record of the second one comes; the first one's time is a record behind.
      t.deepEqual(
        ['lates', 'other-lates'].map((name) => kit.written()[name]!.map(({ value }) => value)),
        [
          [4, 6, 10],
          [4, 6, 10],
        ],
      )
    },
    { order: 'none' },
  )
})

test('late records can be grouped again where they are', async (t) => {
  const results = pipeline('again').from(input).groupByKey().window(tumbling(10)).count()
  const whole = together(
    results.pipe(map(({ key, value, window }) => ({ key, value: { ...window, values: [value] } }))).to(output),
    results.late.groupByKey().count().to(lates),
  )
  const task = new TestTask(whole)
  await task.epoch(mixed)
  t.deepEqual(
    task.log.read(lates).map(({ key, value }) => [key, value]),
    [
      ['b', 1],
      ['b', 2],
      ['a', 1],
      ['b', 3],
    ],
  )
})

for (const [what, make] of Object.entries({
  "calendar window: 'hour' is none of day, week, month, year": () => calendar('hour' as 'day'),
  "zone: 'Europe/Prag' is no time zone": () => calendar('day', { zone: 'Europe/Prag' }),
  'sliding window, difference: must be at least one millisecond': () => sliding(0),
  'count window, size: 0 is not a number of records': () => countWindow(0),
  'count window, advance: 3 is more than the size, 2': () => countWindow(2, { advance: 3 }),
})) {
  test(`windows that cannot be are refused: ${what}`, (t) => {
    const error = t.throws(make, { code: 'PIPELINE_INVALID' })
    t.true(error!.message.includes(what), error!.message)
  })
}
