import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import test from 'ava'
import { kafkaJar } from '../support/kafka-jars.ts'
import { missing } from '../support/missing.ts'
import { KAFKA_VERSION } from '../support/start-kafka.ts'

const run = promisify(execFile)
const page = readFileSync(join(import.meta.dirname, '../../docs/pipelines/coming-from-kafka-streams.md'), 'utf8')
const classes = [
  'StreamsBuilder',
  ...[
    'KStream',
    'BranchedKStream',
    'KTable',
    'GlobalKTable',
    'KGroupedStream',
    'KGroupedTable',
    'CogroupedKStream',
    'TimeWindowedKStream',
    'SessionWindowedKStream',
    'TimeWindowedCogroupedKStream',
    'SessionWindowedCogroupedKStream',
  ].map((name) => `kstream.${name}`),
]

test('the page for users of Kafka Streams has a line for each method of its DSL, and for no other', async (t) => {
  const named = new Set(Array.from(page.matchAll(/^\| (`[A-Z]\w+\.[^|]+)\|/gm), ([, left]) => left!.match(/\w+\.\w+/g)!).flat())
  try {
    const jar = await kafkaJar('kafka-streams', KAFKA_VERSION)
    const { stdout } = await run('javap', ['-cp', jar, ...classes.map((name) => `org.apache.kafka.streams.${name}`)])
    const methods = stdout.split('Compiled from').flatMap((text) => {
      const owner = /(?:class|interface) [\w.]*?(\w+)[ <]/.exec(text)?.[1]
      return Array.from(text.matchAll(/ (\w+)\(/g), ([, method]) => `${owner}.${method}`).filter((method) => method !== `${owner}.${owner}`)
    })
    t.deepEqual([...named].toSorted(), [...new Set(methods)].toSorted())
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return missing(t, 'javap (a JDK)', error)
    throw error
  }
})
