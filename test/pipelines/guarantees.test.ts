import test, { type ExecutionContext } from 'ava'
import { type Client, connect, int32, json, string } from '../../core/index.ts'
import { type Guarantee, map, pipeline, type Pipeline, type RunOptions, together, topic } from '../../pipelines/index.ts'
import { readAll, start, startSmallBroker } from '../support/run-pipelines.ts'

const input = topic('in', { key: string, value: int32 })
const output = topic('out', { key: string, value: json<number>() })
const counts = topic('counts', { key: string, value: json<number>() })

/** Passes the numbers on, and counts them by key: a part without and one with state. */
const copy = pipeline('copy')
  .from(input)
  .pipe(map((r) => ({ key: r.key, value: r.value })))
  .to(output)
const counting = pipeline('counting').from(input).groupByKey().count().to(counts)

const RECORDS = 400
/** The longest that a weaker guarantee is given to show that it is one. */
const ROUNDS_MAX = 60

interface Audit {
  readonly lost: number
  readonly doubled: number
}

/** A topic of numbered records, and a job over it that is killed again and again. */
class Trial {
  readonly #t: ExecutionContext
  readonly #broker: Awaited<ReturnType<typeof startSmallBroker>>
  readonly #client: Client
  readonly #pipelines: Pipeline[]
  readonly #options: Partial<RunOptions>
  #written: number

  private constructor(
    t: ExecutionContext,
    broker: Awaited<ReturnType<typeof startSmallBroker>>,
    client: Client,
    pipelines: Pipeline[],
    options: Partial<RunOptions>,
  ) {
    this.#t = t
    this.#broker = broker
    this.#client = client
    this.#pipelines = pipelines
    this.#options = options
    this.#written = 0
  }

  static async begin(t: ExecutionContext, guarantee: Guarantee, pipelines = [copy]): Promise<Trial> {
    const broker = await startSmallBroker(t)
    const client = await connect(broker)
    t.teardown(() => client.close())
    await client.admin.createTopics(['in', 'out', 'counts'].map((name) => ({ name, partitions: 2 })))
    return new Trial(t, broker, client, pipelines, { guarantee, epoch: { records: 50, ms: 1 } })
  }

  /** Some more records, of which the job that is killed has run some. */
  async killedRound(): Promise<void> {
    await this.#produce()
    const before = (await this.outputs()).length
    const { kill } = await start(this.#t, this.#broker, this.#pipelines, this.#options)
    // In the middle of its work: after it has written something, and before all.
    while ((await this.outputs()).length === before) await new Promise((resolve) => setTimeout(resolve, 1))
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 10))
    kill()
  }

  /** To the end of what there is, without harm. */
  async drain(): Promise<void> {
    const { job } = await start(this.#t, this.#broker, this.#pipelines, this.#options)
    await job.drain()
  }

  /** Other pipelines over some more records, to their end. */
  async run(pipelines: Pipeline[]): Promise<void> {
    await this.#produce()
    const { job } = await start(this.#t, this.#broker, pipelines, this.#options)
    await job.drain()
  }

  async outputs(): Promise<number[]> {
    return (await readAll(this.#client, 'out', (b) => JSON.parse(b.toString()) as number)).map(({ value }) => value)
  }

  async audit(): Promise<Audit> {
    const seen = await this.outputs()
    const distinct = new Set(seen).size
    return { lost: this.#written - distinct, doubled: seen.length - distinct }
  }

  get written(): number {
    return this.#written
  }

  get client(): Client {
    return this.#client
  }

  async #produce(): Promise<void> {
    const producer = this.#client.producer()
    await producer.partitions('in')
    for (const end = this.#written + RECORDS; this.#written < end; this.#written++) {
      producer.append('in', this.#written % 2, Buffer.from(`k${this.#written % 7}`), int32.serialize(this.#written), 1000)
    }
    await producer.close()
  }
}

/** Kills until the audit after a drain shows what is looked for. */
async function until(trial: Trial, isShown: (audit: Audit) => boolean): Promise<Audit> {
  let audit: Audit = { lost: 0, doubled: 0 }
  for (let round = 0; round < ROUNDS_MAX && !isShown(audit); round++) {
    await trial.killedRound()
    await trial.drain()
    audit = await trial.audit()
  }
  return audit
}

test('exactly-once: nothing is lost, nothing is doubled', async (t) => {
  const trial = await Trial.begin(t, 'exactly-once')
  for (let round = 0; round < 8; round++) await trial.killedRound()
  await trial.drain()
  t.deepEqual(await trial.audit(), { lost: 0, doubled: 0 })
})

test('at-least-once: nothing is lost; what was on its way is done again', async (t) => {
  const trial = await Trial.begin(t, 'at-least-once')
  const { lost, doubled } = await until(trial, (audit) => audit.doubled > 0)
  t.is(lost, 0)
  t.true(doubled > 0, 'no kill fell between the output and its position')
})

test('at-most-once: nothing is doubled; what was on its way is lost', async (t) => {
  const trial = await Trial.begin(t, 'at-most-once')
  const { lost, doubled } = await until(trial, (audit) => audit.lost > 0)
  t.is(doubled, 0)
  t.true(lost > 0, 'no kill fell between the position and its output')
})

test('none: a killed process does again what came after its last report, and one that stops in order does not', async (t) => {
  const trial = await Trial.begin(t, 'none')
  const { doubled } = await until(trial, (audit) => audit.doubled > 0)
  t.true(doubled > 0)
  const calm = await Trial.begin(t, 'none')
  await calm.killedRound()
  await calm.drain()
  const before = await calm.audit()
  for (let round = 0; round < 3; round++) await calm.drain()
  t.deepEqual(await calm.audit(), before)
})

test('at-most-once: state goes on where it was, and a record counts at most once', async (t) => {
  const trial = await Trial.begin(t, 'at-most-once', [copy, counting])
  for (let round = 0; round < 4; round++) await trial.killedRound()
  await trial.drain()
  const last = new Map<string, number>()
  for (const { key, value } of await readAll(trial.client, 'counts', (b) => JSON.parse(b.toString()) as number)) last.set(key, value)
  const counted = [...last.values()].reduce((sum, value) => sum + value, 0)
  t.true(counted > 0 && counted <= trial.written, `${counted} of ${trial.written}`)
})

test('at-most-once: an epoch that fails for one record is run again without it, and nothing of it is doubled', async (t) => {
  const trial = await Trial.begin(t, 'at-most-once', [])
  const numbers = pipeline('poisoned', { onError: 'skip' }).from(input)
  const poisoned = together(
    numbers.pipe(map((r) => ({ key: r.key, value: r.value }))).to(output),
    // By then it is in the other topic's batch.
    numbers
      .pipe(
        map((r) => {
          if (r.value === 133) throw new RangeError('133 is poison')
          return { key: r.key, value: r.value }
        }),
      )
      .to(counts),
  )
  await trial.run([poisoned])
  t.deepEqual(await trial.audit(), { lost: 1, doubled: 0 })
})
