/** Our engine, as a user has it: the keyed counts of task.ts, exactly once, until it is killed. */
import { bytes, connect, int64, string } from 'moldau/core'
import { map, pipeline, run, topic, tumbling } from 'moldau/pipelines'
import { type JobTask, WINDOW_MS } from '../task.ts'

const { job, bootstrap, application, input, output, latency } = JSON.parse(process.argv[2]!) as JobTask
const records = pipeline(job)
  .from(topic(input, { key: string, value: bytes }))
  .groupByKey()
const counted = topic(output, { key: string, value: int64 })
const declared =
  job === 'count'
    ? records.count({ state: int64 }).to(counted)
    : records
        .window(tumbling(WINDOW_MS))
        .count({ state: int64 })
        .pipe(map(({ key, value, window }) => ({ key: `${key}@${window.start}`, value })))
        .to(counted)

const client = await connect(bootstrap)
const running = await run(declared, { client, applicationId: application, guarantee: 'exactly-once', ...(latency && { latency }) })
await running.done
