import { AssertionError } from 'node:assert'
import { inspect, isDeepStrictEqual } from 'node:util'
import type { Pipeline } from '../pipeline.ts'
import { type TestPipeline, testPipeline, type TestPipelineOptions, type TestRecord } from './test-pipeline.ts'

export interface SameOptions extends Omit<TestPipelineOptions, 'epochRecords' | 'crashAfter' | 'failureAfter'> {
  /** Records per epoch; default 1, 2, 3, 7 and all at once. */
  epochRecords?: readonly number[]
  /** Also with a crash after each record, in the middle of its epoch, and with an epoch that fails there and is run again; default true. */
  crashes?: boolean
  /**
   * What of the order must be the same: that of each 'key' (default), of the whole topic ('topic'), or 'none'. Windows that close, and what a
   * `leftJoin` or `outerJoin` of streams gives alone, come at the end of an epoch: behind or before what else the topic has.
   */
  order?: 'key' | 'topic' | 'none'
}

type Order = NonNullable<SameOptions['order']>
const interruptions = [
  ['a crash', 'crashAfter'],
  ['a failure', 'failureAfter'],
] as const

type Written = Record<string, readonly TestRecord<unknown, unknown>[]>

/**
 * Runs the same input in epochs of several sizes, and again with a process that dies, and an epoch that fails, after each record: everything that the pipeline writes
 * must be the same. What differs has state that is not in a store, changes a value in place, or counts records of an epoch.
 *
 * ```ts
 * await sameUnderAnyEpochSize(delays, (kit) => kit.pipe(flights, list))
 * ```
 *
 * @param play pipes the input; each run has a kit of its own
 * @throws AssertionError with the first topic that differs; what `play` throws
 */
export async function sameUnderAnyEpochSize(
  pipeline: Pipeline,
  play: (kit: TestPipeline) => Promise<unknown>,
  options: SameOptions = {},
): Promise<void> {
  const { epochRecords = [1, 2, 3, 7, 50_000], crashes = true, order = 'key', ...common } = options
  let first: { what: string; written: Written } | undefined
  for (const size of epochRecords) {
    const kit = testPipeline(pipeline, { ...common, epochRecords: size })
    const what = `epochs of ${size}`
    await playOn(kit, play, what)
    const written = kit.written()
    if (Object.values(written).every((list) => list.length === 0)) {
      throw new AssertionError({ message: `pipeline "${pipeline.name}" has written nothing: this input shows nothing` })
    }
    if (first === undefined) first = { what, written }
    else compare(first, { what, written }, order)
    for (const [how, option] of crashes ? interruptions : []) {
      const disturbed = testPipeline(pipeline, { ...common, epochRecords: size, [option]: 'each' })
      const disturbedSo = `${what} and ${how} after each record`
      await playOn(disturbed, play, disturbedSo)
      compare(first, { what: disturbedSo, written: disturbed.written() }, order)
    }
  }
}

async function playOn(kit: TestPipeline, play: (kit: TestPipeline) => Promise<unknown>, what: string): Promise<void> {
  try {
    await play(kit)
  } catch (error) {
    if (error instanceof Error) error.message += ` (with ${what})`
    throw error
  }
}

function compare(a: { what: string; written: Written }, b: { what: string; written: Written }, order: Order): void {
  for (const [topic, list] of Object.entries(a.written)) {
    const [expected, actual] = [ordered(list, order), ordered(b.written[topic]!, order)]
    if (isDeepStrictEqual(actual, expected)) continue
    const at = expected.findIndex((record, i) => !isDeepStrictEqual(record, actual[i]))
    const place = at < 0 ? expected.length : at
    throw new AssertionError({
      message:
        `topic '${topic}' is not the same with ${b.what} as with ${a.what}: ` +
        `${shown(actual[place])} in place of ${shown(expected[place])}`,
      actual,
      expected,
      operator: 'deepStrictEqual',
    })
  }
}

function ordered(list: readonly TestRecord<unknown, unknown>[], order: Order): readonly TestRecord<unknown, unknown>[] {
  if (order === 'topic') return list
  const nameOf = ({ key, partition, ...rest }: TestRecord<unknown, unknown>): string =>
    inspect([key, partition, ...(order === 'none' ? [rest] : [])], { depth: Infinity })
  const names = new Map(list.map((record) => [record, nameOf(record)]))
  // The sort is stable: the order of each key stays.
  return list.toSorted((x, y) => {
    const [a, b] = [names.get(x)!, names.get(y)!]
    return a === b ? 0 : a < b ? -1 : 1
  })
}

function shown(record: TestRecord<unknown, unknown> | undefined): string {
  return record === undefined ? 'nothing' : inspect(record, { depth: 4, breakLength: Infinity })
}
