import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../core/base/clock.ts'
import { connect } from '../../core/index.ts'
import type { Client, Consumer } from '../../core/index.ts'
import { Channel } from '../../core/net/channel.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { CreatePartitions } from '../../core/protocol/messages/create-partitions.ts'
import { DeleteRecords } from '../../core/protocol/messages/delete-records.ts'
import { DeleteTopics } from '../../core/protocol/messages/delete-topics.ts'
import { IncrementalAlterConfigs } from '../../core/protocol/messages/incremental-alter-configs.ts'
import type { Teardown } from './child-broker.ts'
import { batch, createTopic, produce } from './wire.ts'

export const SLOW_PARTITIONS = 6
const SESSION_MS = 6000

export interface SlowScenarioOptions {
  readonly t: Teardown
  readonly dir: string
  /** UV_THREADPOOL_SIZE of the broker. */
  readonly threads: number
  /** Of the member of the group, in milliseconds. Default 6000, the least that a broker takes by default. */
  readonly sessionMs?: number
}

/**
 * A broker whose disk can be made slow, with topics `slow` and `fast` (whose files stay fast), and a group of one that reads `fast`. Every topic and the group's position have been synced once.
 */
export class SlowScenario {
  readonly channel: Channel
  readonly consumer: Consumer
  readonly #child: ChildProcess
  readonly #port: number
  readonly #t: Teardown
  /** Records of `fast` that the group has read. */
  consumed: number
  /** Times that the group was given its partitions. */
  assignments: number

  private constructor(t: Teardown, child: ChildProcess, port: number, channel: Channel, client: Client, sessionMs: number) {
    this.#t = t
    this.#child = child
    this.#port = port
    this.channel = channel
    this.consumed = 0
    this.assignments = 0
    this.consumer = client.consumer({
      groupId: 'g',
      autoOffsetReset: 'earliest',
      enableAutoCommit: false,
      sessionTimeoutMs: sessionMs,
      heartbeatIntervalMs: sessionMs / 5,
    })
    this.consumer.subscribe(['fast'], { onAssigned: () => void this.assignments++ })
  }

  static async start({ t, dir, threads, sessionMs = SESSION_MS }: SlowScenarioOptions): Promise<SlowScenario> {
    const config = {
      durability: 'disk',
      'offsets.topic.num.partitions': 1,
      'group.initial.rebalance.delay.ms': 0,
      'group.min.session.timeout.ms': sessionMs,
    }
    const child = fork(fileURLToPath(new URL('slow-broker.ts', import.meta.url)), [dir, JSON.stringify(config)], {
      execArgv: ['--conditions=moldau-source'],
      env: { ...process.env, UV_THREADPOOL_SIZE: String(threads) },
    })
    t.teardown(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    })
    const [port] = (await once(child, 'message')) as [number]
    const channel = await dial(t, port)
    const client = await connect(`127.0.0.1:${port}`)
    t.teardown(() => client.close().catch(() => {}))
    const scenario = new SlowScenario(t, child, port, channel, client, sessionMs)
    await createTopic(channel, 'slow', SLOW_PARTITIONS)
    await createTopic(channel, 'fast', 2)
    for (const name of ['doomed', 'grown']) await createTopic(channel, name)
    for (let partition = 0; partition < SLOW_PARTITIONS; partition++) await produce(channel, 'slow', batch(['first']), { partition })
    for (const partition of [0, 1]) await produce(channel, 'fast', batch(['first']), { partition })
    void scenario.#consume().catch(() => {})
    while (scenario.consumed < 2) await new Promise((resolve) => setTimeout(resolve, 20))
    await scenario.commit()
    return scenario
  }

  /** See slow-broker.ts. */
  async tell(told: { hold?: number | null; errno?: string | null }): Promise<void> {
    const done = once(this.#child, 'message')
    this.#child.send(told)
    await done
  }

  /** A further connection. */
  dial(): Promise<Channel> {
    return dial(this.#t, this.#port)
  }

  /** As the member that it is: an answer that takes longer than the session costs it, since its heartbeats stand behind it. */
  commit(): Promise<void> {
    return this.consumer.commit([{ topic: 'fast', partition: 0, offset: 1 }])
  }

  /** Asks for everything that writes metadata or checkpoints, each on a connection of its own. Answers what becomes of each. */
  async administer(): Promise<Promise<string>[]> {
    const calls = [
      (channel: Channel) => create(channel, 'made'),
      (channel: Channel) => remove(channel, 'doomed'),
      (channel: Channel) => grow(channel, 'grown', 3),
      (channel: Channel) => deleteFirst(channel, 'fast'),
      (channel: Channel) => configure(channel, 'fast'),
    ]
    const channels = await Promise.all(calls.map(() => this.dial()))
    return calls.map((call, i) => call(channels[i]!))
  }

  /** Everything that is done with a topic, one after the other. Answers the first error. */
  async administerOne(channel: Channel, name: string): Promise<string> {
    for (const step of [create, grow, configure, deleteFirst, remove]) {
      const error = await step(channel, name)
      if (error !== 'NONE') return `${step.name}: ${error}`
    }
    return 'NONE'
  }

  async #consume(): Promise<void> {
    for await (const got of this.consumer) this.consumed += got.count
  }
}

async function dial(t: Teardown, port: number): Promise<Channel> {
  const channel = new Channel(await tcpDialer().dial('127.0.0.1', port), {
    clientId: 'slow',
    clock: systemClock,
    requestTimeoutMs: 120_000,
  })
  t.teardown(() => channel.close())
  return channel
}

function create(channel: Channel, name: string): Promise<string> {
  return createTopic(channel, name).then(() => 'NONE', String)
}

async function grow(channel: Channel, name: string, count = 2): Promise<string> {
  const topics = [{ name, count, assignments: null }]
  const { results } = await channel.request(CreatePartitions, 3, { topics, timeoutMs: 1000, validateOnly: false })
  return errorName(results[0]!.errorCode)
}

async function configure(channel: Channel, resourceName: string): Promise<string> {
  const configs = [{ name: 'retention.ms', configOperation: 0, value: '1000000' }]
  const resources = [{ resourceType: 2, resourceName, configs }]
  const { responses } = await channel.request(IncrementalAlterConfigs, 1, { resources, validateOnly: false })
  return errorName(responses[0]!.errorCode)
}

/** Writes a record that is to be deleted where there is none. */
async function deleteFirst(channel: Channel, name: string): Promise<string> {
  await produce(channel, name, batch(['to be deleted']), { acks: 1 })
  const topics = [{ name, partitions: [{ partitionIndex: 0, offset: 1 }] }]
  const { topics: answers } = await channel.request(DeleteRecords, 2, { topics, timeoutMs: 1000 })
  return errorName(answers[0]!.partitions[0]!.errorCode)
}

async function remove(channel: Channel, name: string): Promise<string> {
  const { responses } = await channel.request(DeleteTopics, 3, { topicNames: [name], timeoutMs: 1000 })
  return errorName(responses[0]!.errorCode)
}
