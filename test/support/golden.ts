import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { string } from '../../core/index.ts'
import { nullable, type Pipeline, topic } from '../../pipelines/index.ts'
import { testPipeline } from '../../pipelines/testing/index.ts'
import { javaClasses } from './java-app.ts'
import { mavenJar } from './kafka-jars.ts'

/** A record in or out, as text. */
export interface GoldenRecord {
  topic: string
  key: string | null
  value: string | null
  timestamp: number
}

/** Not a topic: the wall clock goes on by so many milliseconds as the time of the record says. */
export const WALL = '@wall'

export interface GoldenCase {
  name: string
  records: readonly GoldenRecord[]
}

/**
 * Records of two topics with few keys, whose time goes on with some disorder.
 *
 * @param gone which topics have records without a value
 * @param late how far behind the newest one a record may be, at most; default: any time
 */
export const goldenRecords = (topics: readonly string[], gone: readonly string[], late = Infinity): fc.Arbitrary<GoldenRecord[]> =>
  fc
    .array(
      fc.record({
        topic: fc.constantFrom(...topics),
        key: fc.constantFrom('k', 'l', 'm'),
        value: fc.nat({ max: 30 }).map(String),
        step: fc.integer({ min: -12, max: 15 }),
      }),
      { minLength: 1, maxLength: 40 },
    )
    .map((list) => {
      let time = 20
      let newest = 20
      const next = (step: number): number => {
        time = Math.max(0, time + step, newest - late)
        newest = Math.max(newest, time)
        return time
      }
      return list.map(({ step, value, ...record }) => ({
        ...record,
        value: gone.includes(record.topic) && Number(value) < 8 ? null : value,
        timestamp: next(step),
      }))
    })

/** What Kafka Streams makes of each: see Golden.java. */
export async function askStreams(cases: readonly GoldenCase[]): Promise<GoldenRecord[][]> {
  const [libs, driver] = await Promise.all([javaClasses(), mavenJar('org.apache.kafka', 'kafka-streams-test-utils', '4.3.1')])
  const options = ['-XX:TieredStopAtLevel=1', '-Dlog4j2.level=OFF', '-cp', [libs, driver].join(delimiter)]
  const running = promisify(execFile)('java', [...options, join(import.meta.dirname, 'Golden.java')], { maxBuffer: 1 << 28 })
  const { stdin } = running.child
  stdin!.end(cases.map(lineOf).join(''))
  await once(running.child, 'spawn')
  const { stdout } = await running
  return stdout.split('\n').flatMap((line) => {
    const [kind, ...records] = line.split('\t')
    return kind === 'answer' ? [records.filter((text) => text !== '').map(parse)] : []
  })
}

/** What we make of it, each record an epoch of its own, per output topic in its order. */
export async function askUs(pipeline: Pipeline, records: readonly GoldenRecord[]): Promise<GoldenRecord[]> {
  const text = nullable(string)
  const texts = (name: string) => topic(name, { key: text, value: text })
  const kit = testPipeline(pipeline)
  for (const { topic: name, ...record } of records) {
    if (name === WALL) await kit.advanceWallClock(record.timestamp)
    else await kit.pipe(texts(name), [record])
  }
  return ['out', 'out2', 'out3'].flatMap((name) => kit.read(texts(name)).map((record) => ({ topic: name, ...record })))
}

function lineOf({ name, records }: GoldenCase): string {
  const orTilde = (text: string | null): string => text ?? '~'
  return `${[name, ...records.map(({ topic, key, value, timestamp }) => `${topic} ${orTilde(key)} ${orTilde(value)} ${timestamp}`)].join('\t')}\n`
}

function parse(text: string): GoldenRecord {
  const [topic, key, value, timestamp] = text.split(' ')
  const orNull = (part: string): string | null => (part === '~' ? null : part)
  return { topic: topic!, key: orNull(key!), value: orNull(value!), timestamp: Number(timestamp) }
}
