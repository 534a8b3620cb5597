import type { Consumer } from '../core/client/consumer.ts'
import type { CommittedOffset, OffsetToCommit, TopicPartition } from '../core/client/types.ts'
import { type Copy } from './copies/copy.ts'
import { restoreCopies } from './copies/restore-copies.ts'
import { Suspended } from './copies/suspended.ts'
import type { LostInput } from './lost-input.ts'
import type { Meter } from './metrics.ts'
import type { Settings } from './options.ts'
import { keyOf } from './slices.ts'
import type { Assigned, TaskMaker } from './task-maker.ts'

/** Follows the watermarks in the metadata of positions at which a task has come to its end. */
const END_MARK = ';end'

export function isEndMarked(metadata: string): boolean {
  return metadata.endsWith(END_MARK)
}

export interface AssignmentOptions {
  readonly settings: Settings
  readonly pipeline: string
  readonly maker: TaskMaker
  readonly meter: Meter
  readonly lost: LostInput
  /** A copy of a task's state that has been kept here, to be worked on from now on. */
  readonly takeCopy: (id: string) => Copy | undefined
}

/** The tasks that the group has given to this worker, and where their inputs have been read to. */
export class Assignment {
  readonly suspended: Suspended
  readonly #options: AssignmentOptions
  readonly #tasks: Map<string, Assigned>
  readonly #positions: Map<string, number>
  readonly #polled: Map<string, number>
  /** What this worker has committed last, as the group would answer. */
  readonly #committed: Map<string, string>

  constructor(options: AssignmentOptions) {
    this.#options = options
    this.suspended = new Suspended(options.settings)
    this.#tasks = new Map()
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
    return this.#tasks.get(this.#options.maker.idOf(partition))
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

  /** Records of the inputs that are still to be run. */
  lag(consumer: Consumer): number {
    let lag = 0
    for (const input of consumer.assignment()) {
      const end = consumer.highWatermark(input)
      if (end !== undefined && this.taskOf(input) !== undefined) lag += Math.max(0, end - this.position(input))
    }
    return lag
  }

  /** Least event time of the tasks; -1 as long as there is none. */
  watermark(): number {
    let least = Infinity
    for (const { task } of this.#tasks.values()) if (task.watermark >= 0) least = Math.min(least, task.watermark)
    return least === Infinity ? -1 : least
  }

  /** Makes the tasks of new partitions: state from copies and changelogs, position and event time from the group; then reading starts there. */
  async add(partitions: readonly TopicPartition[], consumer: Consumer): Promise<void> {
    const { settings, pipeline, meter, maker, lost } = this.#options
    const committed = await consumer.committed(partitions)
    const places = await lost.placesOf(partitions, committed, consumer)
    const { generation } = consumer.groupMetadata()
    const restoring: Copy[] = []
    for (const [id, own] of Map.groupBy(partitions, (partition) => maker.idOf(partition))) {
      const isAsLeft = own.every((partition) => this.#isAsLeft(partition, committed))
      const untouched = isAsLeft ? this.suspended.takeUntouched(id, generation) : undefined
      if (untouched !== undefined) this.#tasks.set(id, untouched)
      else restoring.push(this.#begin(id, own, committed))
    }
    meter.restore(await restoreCopies(settings, pipeline, restoring))
    for (const { assigned } of restoring) this.#tasks.set(assigned.id, assigned)
    for (const partition of partitions) {
      const offset = places.get(keyOf(partition))!
      this.advance(partition, offset)
      this.setPolled(partition, offset)
      consumer.seek(partition, offset)
    }
  }

  /** Closes the tasks of these partitions; they may come back as they are. */
  suspend(partitions: readonly TopicPartition[], generation: number): void {
    for (const partition of partitions) {
      const assigned = this.taskOf(partition)
      if (assigned === undefined) continue
      assigned.task.close()
      this.#tasks.delete(assigned.id)
      this.suspended.add(assigned, generation)
    }
  }

  /** Forgets everything: what is assigned next is restored. */
  clear(): void {
    for (const { task } of this.#tasks.values()) task.close()
    this.#tasks.clear()
    this.suspended.clear()
    this.#committed.clear()
  }

  /** A task from the best copy that there is here, with the event time that the group knows. */
  #begin(id: string, partitions: readonly TopicPartition[], committed: ReadonlyMap<string, CommittedOffset | null>): Copy {
    const { maker, takeCopy } = this.#options
    const known = this.suspended.takeCopy(id) ?? takeCopy(id)
    const assigned = known === undefined ? maker.make(partitions) : maker.of(known.assigned, partitions)
    const metadata = partitions.map((partition) => committed.get(keyOf(partition))?.metadata)
    assigned.ended = metadata.every((text) => isEndMarked(text ?? ''))
    for (const [i, { channels }] of assigned.inputs.entries()) {
      const text = metadata[i]
      if (text !== undefined) assigned.task.restoreTime(text.replace(END_MARK, ''), ...channels)
    }
    return { assigned, positions: known?.positions ?? new Map() }
  }

  #isAsLeft(partition: TopicPartition, committed: ReadonlyMap<string, CommittedOffset | null>): boolean {
    const offset = committed.get(keyOf(partition))
    return offset ? this.#committed.get(keyOf(partition)) === fingerprint(offset) : false
  }
}

function fingerprint({ offset, metadata }: { offset: number; metadata?: string }): string {
  return `${offset} ${metadata ?? ''}`
}
