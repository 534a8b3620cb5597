/**
 * The pipelines of `moldau demo`: a file is replayed into a topic, and two jobs read the topic while it fills.
 * They run unchanged on any Kafka-protocol cluster.
 */
import { string, type ValueOf } from 'moldau/core'
import { hdfs } from 'moldau/connectors/hdfs'
import { files } from 'moldau/connectors/files'
import { filter, map, pipeline, topic, tumbling } from 'moldau/pipelines'
import { delayed, flight } from './schemas.ts'

export const flights = topic('flights', { key: string, value: flight })
export const delaysHourly = topic('delays-hourly', { key: string, value: delayed })

/** The rows of a parquet or Avro file, in order, each once: the position in the file is committed with the records. */
export const replay = (path: string) =>
  pipeline('replay')
    .from(files<ValueOf<typeof flight>>({ path, name: 'flights', timestamp: (row) => row.date }))
    .pipe(map((r) => ({ key: r.value.origin, value: r.value })))
    .to(flights)

/** Real time: late flights by origin in windows of an hour, each window once, when it closes. */
export const delays = pipeline('delays')
  .from(flights)
  .pipe(filter((r) => r.value.delay > 15))
  .groupByKey()
  .window(tumbling('1h', { grace: '10m', emit: 'close' }))
  .aggregate({
    init: () => ({ n: 0, total: 0 }),
    add: (sum, r) => ({ n: sum.n + 1, total: sum.total + r.value.delay }),
  })
  .pipe(
    map((w) => ({
      key: w.key,
      value: { origin: w.key, hour: w.window.start, n: w.value.n, mean: w.value.total / w.value.n },
    })),
  )
  .to(delaysHourly)

/** Batch export: every flight once, as Avro files by day, committed with its offsets. */
export const archive = (url: string) =>
  pipeline('archive')
    .from(flights)
    .to(
      hdfs({
        url,
        format: 'avro',
        partitionBy: { time: "'dt='yyyy-MM-dd" },
        rotate: { records: 100_000, openMs: 60_000, idleMs: 10_000 },
      }),
    )
