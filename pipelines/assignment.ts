import { MoldauError, messageOf } from '../core/base/errors.ts'
import type { Consumer } from '../core/client/consumer.ts'
import type { CommittedOffset, OffsetToCommit, TopicPartition } from '../core/client/types.ts'
import type { CallSites } from './calls/call-site.ts'
import type { Appender } from './appender.ts'
import { policyOf } from './errors/policy-of.ts'
import type { Input } from './layout.ts'
import { internalTopic } from './names.ts'
import type { Settings } from './options.ts'
import { changelogOf, type PartInput, type Plan } from './plan.ts'
import { readToEnd } from './restore.ts'
import { keyOf } from './slices.ts'
import { Task } from './task.ts'
import type { Setup } from './topic-setup.ts'

/** One task with its partitions. */
export interface Assigned {
  readonly id: string
  readonly task: Task
  /** The partition of each input topic. */
  readonly inputs: (TopicPartition & Pick<Input, 'repartition' | 'channels'>)[]
  /** What is committed says that the task has closed its windows at these positions: at the end of a drain. */
  ended: boolean
}

/** Follows the watermarks in the metadata of positions at which a task has come to its end. */
const END_MARK = ';end'

export function isEndMarked(metadata: string): boolean {
  return metadata.endsWith(END_MARK)
}

/** The tasks that the group has given to this worker, and where their inputs have been read to. */
export class Assignment {
  readonly #settings: Settings
  readonly #plan: Plan
  readonly #appender: Appender
  readonly #calls: CallSites
  readonly #inputs: ReadonlyMap<string, Input>
  readonly #channelsOf: (input: PartInput) => number
  #tasks: Map<string, Assigned>
  /** Revoked, and given back unchanged when nobody has worked on them in between: an eager rebalance takes everything first. */
  #suspended: Map<string, Assigned>
  readonly #positions: Map<string, number>
  readonly #polled: Map<string, number>
  /** What this worker has committed last, as the group would answer. */
  readonly #committed: Map<string, string>

  constructor(settings: Settings, plan: Plan, appender: Appender, calls: CallSites, { inputs, channelsOf }: Setup) {
    this.#settings = settings
    this.#plan = plan
    this.#appender = appender
    this.#calls = calls
    this.#inputs = new Map(inputs.map((input) => [input.topic, input]))
    this.#channelsOf = channelsOf
    this.#tasks = new Map()
    this.#suspended = new Map()
    this.#positions = new Map()
    this.#polled = new Map()
    this.#committed = new Map()
  }

  get tasks(): Iterable<Assigned> {
    return this.#tasks.values()
  }

  get size(): number {
    return this.#tasks.size
  }

  taskOf(partition: TopicPartition): Assigned | undefined {
    return this.#tasks.get(this.#idOf(partition))
  }

  /** The offset behind everything that was handed to the task. */
  position(partition: TopicPartition): number {
    return this.#positions.get(keyOf(partition)) ?? 0
  }

  advance(partition: TopicPartition, offset: number): void {
    this.#positions.set(keyOf(partition), offset)
  }

  /** The offset behind everything that was polled: what lies between this and {@link Assignment.position} is still to be run. */
  polled(partition: TopicPartition): number {
    return this.#polled.get(keyOf(partition)) ?? 0
  }

  setPolled(partition: TopicPartition, offset: number): void {
    this.#polled.set(keyOf(partition), offset)
  }

  /** The positions of a task, with its event time, to be committed. */
  offsets({ task, inputs }: Assigned, ended: boolean): OffsetToCommit[] {
    return inputs.map(({ topic, partition, channels: [from, to] }) => ({
      topic,
      partition,
      offset: this.position({ topic, partition }),
      metadata: task.watermarks.encode(from, to) + (ended ? END_MARK : ''),
    }))
  }

  committed(offsets: readonly OffsetToCommit[]): void {
    for (const offset of offsets) this.#committed.set(keyOf(offset), fingerprint(offset))
  }

  /** Makes the tasks of new partitions: state from the changelogs, position and event time from the group; then reading starts there. */
  async add(partitions: readonly TopicPartition[], consumer: Consumer): Promise<void> {
    const committed = await consumer.committed(partitions)
    const fresh = partitions.filter((partition) => !committed.get(keyOf(partition)))
    const begins = fresh.length > 0 ? await consumer.beginningOffsets(fresh) : new Map<string, number>()
    const restoring: Assigned[] = []
    const grouped = new Map<string, TopicPartition[]>()
    for (const partition of partitions) {
      const id = this.#idOf(partition)
      grouped.set(id, [...(grouped.get(id) ?? []), partition])
    }
    for (const [id, own] of grouped) {
      const suspended = this.#suspended.get(id)
      if (suspended !== undefined && own.every((partition) => this.#isAsLeft(partition, committed))) {
        this.#tasks.set(id, suspended)
        continue
      }
      const assigned = this.#create(id, own)
      assigned.ended = own.every((partition) => isEndMarked(committed.get(keyOf(partition))?.metadata ?? ''))
      restoring.push(assigned)
      for (const partition of assigned.inputs) {
        const metadata = committed.get(keyOf(partition))?.metadata
        if (metadata !== undefined) assigned.task.restoreTime(metadata.replace(END_MARK, ''), ...partition.channels)
      }
    }
    this.#suspended.clear()
    await this.#restore(restoring)
    for (const assigned of restoring) this.#tasks.set(assigned.id, assigned)
    for (const partition of partitions) {
      const offset = committed.get(keyOf(partition))?.offset ?? begins.get(keyOf(partition)) ?? 0
      this.advance(partition, offset)
      this.setPolled(partition, offset)
      consumer.seek(partition, offset)
    }
  }

  /** Closes the tasks of these partitions; they may come back as they are. */
  suspend(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) {
      const assigned = this.taskOf(partition)
      if (assigned === undefined) continue
      this.#tasks.delete(assigned.id)
      this.#suspended.set(assigned.id, assigned)
    }
  }

  /** Forgets everything: what is assigned next is restored. */
  clear(): void {
    this.#tasks.clear()
    this.#suspended.clear()
    this.#committed.clear()
  }

  #create(id: string, partitions: readonly TopicPartition[]): Assigned {
    const { part } = this.#inputs.get(partitions[0]!.topic)!
    const { clock, watchdogMs } = this.#settings
    const task = new Task({
      pipeline: this.#plan.name,
      part,
      partition: partitions[0]!.partition,
      topicName: (name) => internalTopic(this.#settings, name),
      channelsOf: this.#channelsOf,
      appender: this.#appender,
      clock,
      watchdogMs,
      errors: policyOf(this.#settings, this.#plan),
      calls: this.#calls,
    })
    return {
      id,
      task,
      ended: false,
      inputs: partitions.map((partition) => {
        const { channels, repartition } = this.#inputs.get(partition.topic)!
        return { ...partition, channels, repartition }
      }),
    }
  }

  async #restore(tasks: readonly Assigned[]): Promise<void> {
    const stores = new Map(
      tasks.flatMap(({ task }) =>
        task.stores.map((store) => {
          const changelog = { topic: internalTopic(this.#settings, changelogOf(store.name)), partition: task.partition }
          return [keyOf(changelog), { store, changelog }] as const
        }),
      ),
    )
    const changelogs = [...stores.values()].map(({ changelog }) => changelog)
    await readToEnd(this.#settings, changelogs, (batch) => {
      const { store } = stores.get(keyOf(batch))!
      const { columns, from, count } = batch
      for (let i = from; i < from + count; i++) {
        try {
          store.restore(columns.key(i)!, columns.value(i), columns.timestamp(i))
        } catch (cause) {
          throw unreadable(this.#plan.name, store.name, `${keyOf(batch)}@${columns.offset(i)}`, cause)
        }
      }
    })
  }

  #isAsLeft(partition: TopicPartition, committed: ReadonlyMap<string, CommittedOffset | null>): boolean {
    const offset = committed.get(keyOf(partition))
    return offset ? this.#committed.get(keyOf(partition)) === fingerprint(offset) : false
  }

  #idOf({ topic, partition }: TopicPartition): string {
    return `${this.#inputs.get(topic)!.part.index}-${partition}`
  }
}

function fingerprint({ offset, metadata }: { offset: number; metadata?: string }): string {
  return `${offset} ${metadata ?? ''}`
}

function unreadable(pipeline: string, store: string, record: string, cause: unknown): MoldauError {
  return new MoldauError(
    'SERDE_FAILED',
    `pipeline "${pipeline}" cannot restore the store '${store}' from ${record}: ${messageOf(cause)}. The serde of its keys or its state is ` +
      'another one than before: put that back, or give the store another name to begin anew',
    { cause },
  )
}
