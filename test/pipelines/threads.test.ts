import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import test, { type ExecutionContext } from 'ava'
import { type Client, connect, int32 } from '../../core/index.ts'
import { type Job, type ModuleRunOptions, type PipelineMetrics, run } from '../../pipelines/index.ts'
import { readAll } from '../support/run-pipelines.ts'
import { startBroker, tempDir } from '../support/start-broker.ts'

// Threads share the environment of their process: one test after the other gives orders by it.
const jobs = import.meta.resolve('../support/thread-jobs.ts')
const reordered = import.meta.resolve('../support/thread-jobs-reordered.ts')

interface Ground {
  readonly client: Client
  readonly options: ModuleRunOptions
  /** Gives the next record that comes to a thread an order: `exit`, `fail`, `uncaught`. */
  order(what: string): void
  /** The order was taken. */
  taken(): Promise<void>
  produce(records: number): Promise<void>
  audit(message?: string): Promise<void>
}

async function ground(t: ExecutionContext): Promise<Ground> {
  const config = { 'offsets.topic.num.partitions': 3, 'transaction.state.log.num.partitions': 3, 'group.min.session.timeout.ms': 500 }
  const broker = await startBroker(t, { config })
  const client = await connect(broker.bootstrap)
  t.teardown(() => client.close())
  await client.admin.createTopics(['in', 'counts', 'copies'].map((name) => ({ name, partitions: 6 })))
  const orders = join(await tempDir(t), 'orders')
  process.env['MOLDAU_THREAD_ORDERS'] = orders
  let n = 0
  const bootstrap = broker.bootstrap
  return {
    client,
    options: { bootstrap, instanceId: 'one', threads: 2, epoch: { records: 200, ms: 5 }, sessionTimeoutMs: 2000, idleMs: 600_000 },
    order: (what) => writeFileSync(orders, what),
    async taken() {
      while (existsSync(orders)) await new Promise((resolve) => setTimeout(resolve, 10))
    },
    async produce(records) {
      const producer = client.producer()
      await producer.partitions('in')
      for (const end = n + records; n < end; n++) producer.append('in', n % 6, Buffer.from(`k${n % 60}`), int32.serialize(n), 1000 + n)
      await producer.close()
    },
    async audit(message) {
      const copied = await readAll(client, 'copies', (b) => b.readInt32BE())
      t.deepEqual(
        copied.map(({ value }) => value).toSorted((a, b) => a - b),
        Array.from({ length: n }, (_, i) => i),
        message,
      )
      const last = new Map<string, number>()
      for (const { key, value } of await readAll(client, 'counts', (b) => JSON.parse(b.toString()) as number)) {
        t.is(value, (last.get(key) ?? 0) + 1, `${key} counts on, ${message}`)
        last.set(key, value)
      }
      t.is(
        [...last.values()].reduce((sum, value) => sum + value, 0),
        n,
        message,
      )
    },
  }
}

function lastMetrics(job: Job): Map<string, PipelineMetrics> {
  const last = new Map<string, PipelineMetrics>()
  job.metrics$.subscribe((all) => all.forEach((one) => last.set(one.pipeline, one)))
  return last
}

test.serial('one thread and three count the same, and the job speaks for all of them', async (t) => {
  const { options, produce, audit } = await ground(t)
  let records = 0
  for (const threads of [1, 3]) {
    await produce(3000)
    const job = await run(jobs, { ...options, threads })
    const metrics = lastMetrics(job)
    await job.drain()
    t.is(metrics.get('copies')!.recordsIn, 3000)
    t.is(metrics.get('counts')!.recordsOut, 3000)
    t.is(metrics.get('copies')!.lag, 0)
    await audit(`${threads} threads, ${(records += 3000)} records`)
  }
})

test.serial('a thread that dies or fails in mid-epoch is replaced, and every record counts once', async (t) => {
  const { options, produce, audit, order, taken } = await ground(t)
  for (const what of ['exit', 'fail', 'uncaught']) {
    await produce(2000)
    order(what)
    const failed: [string, number][] = []
    const uncaughtExceptionHandler = (error: Error, thread: number) => {
      failed.push([error.message, thread])
      return 'replace-thread' as const
    }
    const job = await run(jobs, { ...options, uncaughtExceptionHandler })
    await taken()
    await produce(500)
    await job.drain()
    t.is(failed.length, 1, what)
    const [message, thread] = failed[0]!
    t.regex(message, { exit: /has ended with code 3/, fail: /pipeline "counts".*told to fail/, uncaught: /nobody catches this/ }[what]!)
    t.true(thread >= 1 && thread <= 2)
    await audit(what)
  }
})

test.serial('unless it is to be replaced, a thread that dies ends the job with its error, and the next job goes on there', async (t) => {
  const { options, produce, audit, order } = await ground(t)
  await produce(2000)
  order('exit')
  const died = await run(jobs, options)
  await t.throwsAsync(died.done, { code: 'THREAD_DIED', message: /thread 'moldau thread-jobs\.ts \d' is gone: it has ended with code 3/ })
  order('fail')
  const failed = await run(jobs, options)
  const error = await t.throwsAsync(failed.done, { code: 'OPERATOR_FAILED', message: /told to fail \(at in-\d@\d+\)/ })
  t.is((error!.cause as Error).name, 'RangeError')
  await (await run(jobs, options)).drain()
  await audit()
})

test.serial('another process with its threads takes its share while the work goes on, whatever order its code has', async (t) => {
  const { options, produce, audit } = await ground(t)
  await produce(3000)
  const first = await run(jobs, { ...options, threads: 2 })
  await new Promise((resolve) => setTimeout(resolve, 200))
  const second = await run(reordered, { ...options, instanceId: 'two', threads: 2 })
  const shares = [first, second].map(lastMetrics)
  for (let i = 0; i < 5; i++) {
    await produce(1000)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  await first.stop({ leave: true })
  await produce(1000)
  // Six of copies, and six of each part of counts.
  while (shares[1]!.get('copies')!.tasks + shares[1]!.get('counts')!.tasks < 18) await new Promise((resolve) => setTimeout(resolve, 20))
  await second.drain()
  t.true(shares.every((share) => share.get('copies')!.recordsIn > 0))
  await audit()
})

test.serial('stop is for all threads, and the next start goes on there; pipelines may be chosen by name', async (t) => {
  const { options, produce, audit, client } = await ground(t)
  await produce(2000)
  const job = await run(jobs, { ...options, pipelines: ['copies'] })
  await job.drain()
  t.is((await readAll(client, 'counts', String)).length, 0)
  const all = await run(jobs, options)
  await all.stop()
  await (await run(jobs, options)).drain()
  await audit()
})

test.serial('what cannot go to other threads, or cannot be run there, is refused by name', async (t) => {
  const { options, client } = await ground(t)
  const refused = async (more: object, message: RegExp, module: string = jobs) => {
    await t.throwsAsync(run(module, { ...options, ...more }), { message })
  }
  await refused({ client }, /option 'client' does not go to other threads\. .*bootstrap: 'host:port'/)
  await refused({ logger: { info() {} } }, /option 'logger'\.info is a function, which does not go to other threads/)
  await refused({ onError: () => 'skip' }, /option 'onError' is a function.*pipeline\(name, \{ onError \}\)/)
  await refused({ clock: new Map() }, /option 'clock' is a Map/)
  await refused({ bootstrap: undefined }, /option 'bootstrap' is missing/)
  await refused({ threads: 0 }, /option 'threads' must be a whole number from 1/)
  await refused({ guarantee: 'maybe' }, /option 'guarantee'/)
  await refused({ uncaughtExceptionHandler: 'ignore' }, /'replace-thread', 'shutdown-client' or a function, not 'ignore'/)
  await refused({ pipelines: ['count'] }, /exports no pipeline "count"; there are: "copies", "counts"/)
  await refused({}, /is no file: URL; write import\.meta\.resolve/, './jobs.ts')
  await refused({}, /there is no file/, import.meta.resolve('../support/no-such-jobs.ts'))
  await refused({}, /exports no pipeline; add for example/, import.meta.resolve('../support/until.ts'))
  await refused({}, /called in one of a job's own threads.*call run in another/, import.meta.resolve('../support/thread-jobs-of-itself.ts'))
})
