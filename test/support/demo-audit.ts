import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Broker, connect } from 'moldau/core'
import { readAvroFile } from 'moldau/connectors/avro'
import { verify } from 'moldau/connectors/hdfs'
import { delayed, type flight } from '../../examples/flights/schemas.ts'
import type { ValueOf } from '../../core/serde/serde.ts'
import type { Truth } from './flights-truth.ts'

/** Everything in which the demo's lake and topic differ from the truth; empty when they are exact. */
export async function auditDemo(dir: string, truth: Truth): Promise<string[]> {
  const [lake, windows] = [await auditLake(join(dir, 'lake'), truth), await auditWindows(join(dir, 'broker'), truth)]
  return [...lake, ...windows]
}

async function auditLake(lake: string, truth: Truth): Promise<string[]> {
  const faults: string[] = []
  const report = await verify({ url: lake })
  if (!report.ok) faults.push(`verify: ${JSON.stringify(report.problems)}`)
  const folders = (await readdir(lake)).filter((name) => !name.startsWith('_'))
  if (folders.length !== truth.days.size) faults.push(`${folders.length} days in the lake, ${truth.days.size} in truth`)
  for (const [day, expected] of truth.days) {
    const folder = join(lake, `dt=${day}`)
    let rows = 0
    let delaySum = 0
    for (const file of await readdir(folder).catch(() => [])) {
      for await (const row of readAvroFile(join(folder, file))) {
        rows++
        delaySum += (row as ValueOf<typeof flight>).delay
      }
    }
    if (rows !== expected.rows || delaySum !== expected.delaySum) {
      faults.push(`${day}: ${rows} rows and ${delaySum} minutes in the lake, ${expected.rows} and ${expected.delaySum} in truth`)
    }
  }
  return faults
}

async function auditWindows(dir: string, truth: Truth): Promise<string[]> {
  const faults: string[] = []
  const broker = await Broker.start({ dir, port: null })
  const client = await connect(broker)
  const consumer = client.consumer({ isolationLevel: 'read_committed' })
  try {
    const topic = 'delays-hourly'
    const tps = Array.from({ length: await client.producer().partitions(topic) }, (_, partition) => ({ topic, partition }))
    consumer.assign(tps.map((tp) => ({ ...tp, offset: 0 })))
    const ends = await consumer.endOffsets(tps)
    const seen = new Set<string>()
    while (tps.some((tp) => (consumer.position(tp) ?? 0) < ends.get(`${tp.topic}-${tp.partition}`)!)) {
      for (const { columns, from, count } of await consumer.poll(200)) {
        for (let i = from; i < from + count; i++) {
          const { origin, hour, n, mean } = delayed.deserialize(
            columns.buffer,
            columns.valueStart[i]!,
            columns.valueStart[i]! + columns.valueLength[i]!,
          )
          const key = `${origin} ${hour}`
          const expected = truth.late.get(key)
          if (seen.has(key)) faults.push(`${key} is in ${topic} more than once`)
          if (expected === undefined) faults.push(`${key} is in ${topic} and not in truth`)
          else if (n !== expected.n || Math.abs(mean - expected.total / expected.n) > 1e-9) {
            faults.push(`${key}: ${n} flights of mean ${mean}, in truth ${expected.n} of ${expected.total / expected.n}`)
          }
          seen.add(key)
        }
      }
    }
    if (seen.size !== truth.late.size) faults.push(`${seen.size} origin-hours in ${topic}, ${truth.late.size} in truth`)
  } finally {
    await consumer.close()
    await client.close()
    await broker.close()
  }
  return faults
}
