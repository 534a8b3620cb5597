import { isDeepStrictEqual } from 'node:util'

import test from 'ava'
import fc from 'fast-check'

import { askStreams, askUs, type GoldenRecord, goldenRecords, WALL } from '../support/golden.ts'
import { goldenTopologies } from '../support/golden-topologies.ts'
import { hasJava } from '../support/java-app.ts'

const CASES = 60
const HOUR = 3_600_000
const seed = Number(process.env['SEED'] ?? 20_261_126)

/** What brings time to where everything has found what it can, in both topics. */
const farAhead: readonly GoldenRecord[] = ['a', 'b'].map((topic) => ({ topic, key: 'z', value: '0', timestamp: 10_000 }))

/** Two topics where both are read; records without a value where they make tables. */
function inputOf(name: string): fc.Arbitrary<GoldenRecord[]> {
  // Even times, and an odd time until a session closes: Kafka Streams' store forgets sessions a millisecond before its operator closes them.
  if (name.startsWith('session')) {
    // Not so late that a session which was given is made longer: Kafka Streams gives it once more then.
    const late = name === 'session-close' ? 4 : Infinity
    return goldenRecords(['a'], [], late).map((records) => records.map((record) => ({ ...record, timestamp: record.timestamp * 2 })))
  }
  if (name.startsWith('sliding')) {
    // Nothing is later than the grace: what Kafka Streams has forgotten is missing in its windows then. Nothing is near 1970.
    return goldenRecords(['a'], [], 5).map((records) => records.map((record) => ({ ...record, timestamp: record.timestamp + 1000 })))
  }
  if (name.startsWith('calendar')) {
    // From where the clocks are put forward, and back; by hours, days, weeks or months.
    const step = { day: 1, week: 30, month: 100, year: 1000 }[name.slice('calendar-'.length)]! * HOUR
    return fc
      .tuple(goldenRecords(['a'], []), fc.constantFrom(Date.UTC(2026, 2, 27), Date.UTC(2026, 9, 23), Date.UTC(2024, 1, 20)))
      .map(([records, from]) => records.map((record) => ({ ...record, timestamp: from + record.timestamp * step })))
  }
  if (name === 'punctuate-event') return goldenRecords(['a'], []).map(withTicks)
  if (name === 'punctuate-wall') return goldenRecords(['a'], []).map(withClock)
  if (name.startsWith('lookup') || name.startsWith('global') || name === 'counted') return goldenRecords(['a', 'b'], ['b'])
  // Nothing is late: when that is differs on purpose.
  if (name.startsWith('streams')) return goldenRecords(['a', 'b'], [], 4).map((records) => [...records, ...farAhead])
  if (name.startsWith('tables')) return goldenRecords(['a', 'b'], ['a', 'b'])
  if (name.startsWith('table')) return goldenRecords(['a'], ['a'])
  return goldenRecords(name === 'merge' || name.startsWith('cogroup') ? ['a', 'b'] : ['a'], [])
}

/** Before each record that brings time past a multiple of ten one that does nothing but that: Kafka Streams calls its punctuators behind it, we before it. */
function withTicks(records: readonly GoldenRecord[]): GoldenRecord[] {
  let newest = -1
  return records.flatMap((record) => {
    const passes = newest >= 0 && Math.floor(record.timestamp / 10) > Math.floor(newest / 10)
    newest = Math.max(newest, record.timestamp)
    return passes ? [{ ...record, key: 'z' }, record] : [record]
  })
}

/** With the wall clock going on in between, by up to three times the interval. */
function withClock(records: readonly GoldenRecord[]): GoldenRecord[] {
  return records.flatMap((record) => {
    const wall = { topic: WALL, key: null, value: null, timestamp: Number(record.value) }
    return record.timestamp % 3 === 0 ? [record, wall] : [record]
  })
}

type Rewrite = (records: readonly GoldenRecord[]) => GoldenRecord[]

const asTheyAre: Rewrite = (records) => [...records]

/** Without what deletes a key that is not there. */
function withoutNeedless(records: readonly GoldenRecord[]): GoldenRecord[] {
  const there = new Set<string>()
  return records.filter(({ key, value }) => (value === null ? there.delete(key!) : there.add(key!)))
}

const sorted: Rewrite = (records) => records.toSorted((x, y) => (JSON.stringify(x) < JSON.stringify(y) ? -1 : 1))

const byTimeAndKey: Rewrite = (records) => records.toSorted((x, y) => x.timestamp - y.timestamp || (x.key! < y.key! ? -1 : 1))

/** Without what takes back what is given again by the same record. */
const withoutReplaced: Rewrite = (records) =>
  records.filter(({ key, value }, i) => value !== null || records.slice(i).find((later) => later.value !== null)?.key !== key)

const withoutTwice: Rewrite = (records) => records.filter((record, i) => !isDeepStrictEqual(record, records[i - 1]))

/** The end of a sliding window belongs to it. */
const whenSlid: Rewrite = (records) => records.map((record) => ({ ...record, timestamp: Number(record.key!.split('-')[1]) }))

const whenClosed: { theirs: Rewrite; order: Rewrite } = {
  // What a window gives when it closes has the time of its last millisecond, not of its newest record: behind it nothing of it can be late.
  theirs: (records) => records.map((record) => ({ ...record, timestamp: Number(record.key!.split('-')[1]) - 1 })),
  // The keys of a window that closes have no order (Kafka Streams': that of their bytes).
  order: byTimeAndKey,
}

/** Where ours is meant to differ, as docs/pipelines.md says: what Kafka Streams says as we say it, and what of the order means nothing. */
const explained: Readonly<Record<string, { theirs?: Rewrite; order?: Rewrite }>> = {
  'tumbling-close': whenClosed,
  'hopping-close-3': whenClosed,
  'hopping-close-5': whenClosed,
  // Kafka Streams takes every session back that a record comes to, also when it is the same one before and after.
  'session-update': { theirs: withoutReplaced },
  'session-close': { order: byTimeAndKey },
  // Kafka Streams gives a window twice when it ends with a record and is the one behind the record before.
  'sliding-update': { theirs: withoutTwice },
  'sliding-close': { theirs: (records) => whenSlid(withoutTwice(records)), order: byTimeAndKey },
  // What has found nothing is given when the epoch completes, behind what its last record has found.
  'streams-left': { order: sorted },
  'streams-outer': { order: sorted },
  // Kafka Streams deletes what a filter or a join has never let pass, again and again.
  'table-filter-not': { theirs: withoutNeedless },
  'table-filter': { theirs: withoutNeedless },
  'tables-join': { theirs: withoutNeedless },
  'tables-left': { theirs: withoutNeedless },
  'tables-outer': { theirs: withoutNeedless },
  'tables-chain': { theirs: withoutNeedless },
  counted: { theirs: withoutNeedless },
}

test('each operator gives what Kafka Streams gives, record by record, with its time', async (t) => {
  if (!(await hasJava(t))) return
  const cases = Object.keys(goldenTopologies).flatMap((name) =>
    fc.sample(inputOf(name), { numRuns: CASES, seed }).map((records) => ({ name, records })),
  )
  const answers = await askStreams(cases)
  t.is(answers.length, cases.length)
  const outputs = new Map<string, number>()
  for (const [i, { name, records }] of cases.entries()) {
    const { theirs = asTheyAre, order = asTheyAre } = explained[name] ?? {}
    const ours = await askUs(goldenTopologies[name]!, records)
    t.deepEqual(order(ours), order(theirs(answers[i]!)), `${name} of ${JSON.stringify(records)}`)
    outputs.set(name, (outputs.get(name) ?? 0) + ours.length)
  }
  // Each of them says something: else nothing was compared.
  for (const name of Object.keys(goldenTopologies)) t.true(outputs.get(name)! > CASES / 2, `${name}: ${outputs.get(name)} records`)
  t.log(`${cases.length} inputs, ${[...outputs.values()].reduce((a, b) => a + b)} records compared; SEED=${seed}`)
})
