import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { avroCodecs, type AvroCodec } from '../../connectors/avro/index.ts'
import { hdfs, verify, type PartitionBy } from '../../connectors/hdfs/index.ts'
import { numberedBatch, sinkContext } from '../support/ledger-kit.ts'
import { fastavro } from '../support/fastavro.ts'
import { missing } from '../support/missing.ts'
import { mavenJar } from '../support/kafka-jars.ts'
import { dataFiles, lakeDirectory } from '../support/ledger-lake.ts'

const run = promisify(execFile)
const AVRO_TOOLS = '1.12.0'
const RECORDS = 1000

/** A lake of a thousand numbered records, by day or in one directory, in `commits` commits. */
async function lake(t: ExecutionContext, codec: AvroCodec, partitionBy: PartitionBy, commits: number): Promise<string[]> {
  const directory = lakeDirectory(t)
  const open = await hdfs({ url: directory, codec, partitionBy }).open(sinkContext())
  const sink = open.partition('flights', 0)
  await sink.recover!()
  for (let from = 0; from < RECORDS; from += RECORDS / commits) {
    const next = from + RECORDS / commits
    await sink.write(numberedBatch('flights', 0, from, next))
    await sink.commit({ offset: next, leaderEpoch: 0 })
  }
  await open.close()
  t.true((await verify({ url: directory })).ok)
  return dataFiles(directory).map((path) => join(directory, path))
}

const COUNT = `
import sys, fastavro
numbers = []
for path in sys.argv[1:]:
    with open(path, 'rb') as f:
        numbers += [r['n'] for r in fastavro.reader(f)]
assert sorted(numbers) == list(range(${RECORDS})), numbers[:10]
print(len(numbers))
`

test('fastavro reads a lake in every codec, each record once', async (t) => {
  const python = await fastavro(t)
  if (python === undefined) return
  for (const codec of avroCodecs) {
    const { stdout } = await run(python, ['-c', COUNT, ...(await lake(t, codec, { time: "'dt='yyyy-MM-dd" }, 4))])
    t.is(stdout.trim(), String(RECORDS), codec)
  }
})

test('avro-tools reads a lake in every codec, each record once', async (t) => {
  let jar: string
  try {
    jar = await mavenJar('org.apache.avro', 'avro-tools', AVRO_TOOLS)
  } catch (error) {
    return missing(t, 'avro-tools', error)
  }
  for (const codec of avroCodecs) {
    const numbers: number[] = []
    for (const path of await lake(t, codec, 'topic', 1)) {
      const { stdout } = await run('java', ['-jar', jar, 'tojson', path], { maxBuffer: 64 * 1024 * 1024 })
      for (const line of stdout.trim().split('\n')) numbers.push((JSON.parse(line) as { n: number }).n)
    }
    t.deepEqual(
      numbers.toSorted((a, b) => a - b),
      [...Array(RECORDS).keys()],
      codec,
    )
  }
})
