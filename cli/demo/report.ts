import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Client, ValueOf } from '../../core/index.ts'
import type { delaysHourly } from '../../examples/flights/jobs.ts'
import { formatBytes, formatCount, formatTable } from '../output.ts'

type Delayed = ValueOf<(typeof delaysHourly)['value']>

/** Reads the whole topic back, committed records only, and returns the hours with the most late flights. */
export async function worstHours(client: Client, { name: topic, value }: typeof delaysHourly, count: number): Promise<Delayed[]> {
  const consumer = client.consumer({ isolationLevel: 'read_committed', fetchMaxWaitMs: 100 })
  try {
    const { partitions } = (await client.admin.describeTopics([topic]))[0]!
    const tps = partitions.map(({ partition }) => ({ topic, partition }))
    const ends = await consumer.endOffsets(tps)
    consumer.assign(tps.map((tp) => ({ ...tp, offset: 0 })))
    let worst: Delayed[] = []
    while (tps.some((tp) => (consumer.position(tp) ?? 0) < (ends.get(`${topic}-${tp.partition}`) ?? 0))) {
      for (const { columns, from, count: records } of await consumer.poll(100)) {
        for (let i = from; i < from + records; i++) {
          const start = columns.valueStart[i]!
          worst.push(value.deserialize(columns.buffer, start, start + columns.valueLength[i]!))
        }
      }
      worst = worst.sort((a, b) => b.n - a.n || a.hour - b.hour || (a.origin < b.origin ? -1 : 1)).slice(0, count)
    }
    return worst
  } finally {
    await consumer.close()
  }
}

export interface DemoResult {
  dir: string
  lake: string
  seconds: number
  worst: readonly Delayed[]
  /** What `hdfs verify` says. */
  line: string
  remedy: string | undefined
}

export async function printReport(result: DemoResult): Promise<void> {
  const rows = result.worst.map(({ origin, hour, n, mean }, i) => [
    i + 1,
    origin,
    `${new Date(hour).toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    n,
    mean.toFixed(2).padStart(6),
  ])
  const folders = [
    ['the log', join(result.dir, 'broker')],
    ['the lake', result.lake],
  ] as const
  const sizes = []
  for (const [what, folder] of folders) {
    const { files, bytes } = await sizeOf(folder)
    sizes.push([what, folder, `${formatCount(files)} files`, formatBytes(bytes)])
  }
  process.stdout.write(
    `
The ten worst hours, read back from delays-hourly (flights more than 15 minutes late):

${formatTable(['', 'origin', 'hour', 'late flights', 'mean minutes'], rows)}

${formatTable(['what', 'where', 'files', 'size'], sizes)}

done in ${result.seconds.toFixed(0)} s
${result.line}
${result.remedy === undefined ? '' : `\n${result.remedy}\n`}`,
  )
}

async function sizeOf(folder: string): Promise<{ files: number; bytes: number }> {
  let files = 0
  let bytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    files++
    bytes += (await stat(join(entry.parentPath, entry.name))).size
  }
  return { files, bytes }
}
