import type { OpenSink, ReportedPosition, Sink, SinkContext } from '../connectors/types.ts'
import { assert } from '../core/base/assert.ts'
import { messageOf } from '../core/base/errors.ts'
import type { Consumer } from '../core/client/consumer.ts'
import type { TopicPartition } from '../core/client/types.ts'
import { policyOf } from './errors/policy-of.ts'
import { invalid } from './failure.ts'
import type { Meter } from './metrics.ts'
import { groupId } from './names.ts'
import type { AnyTopic } from './nodes.ts'
import type { Settings } from './options.ts'
import type { Part, Plan } from './plan.ts'
import { endOffsets } from './restore.ts'
import { fenced, isFenced, Patience } from './retry.ts'
import { sinkContext } from './sink-context.ts'
import { SinkLane } from './sink-lane.ts'
import { sinkConverter } from './sink-steps.ts'
import { keyOf } from './slices.ts'
import { settleable, type StopOptions, type Worker } from './worker.ts'

/** How long a poll waits, in milliseconds: how soon commits that are due without records, stop and drain are noticed. */
const POLL_MS = 50
const PREFETCH_BYTES = 4 * 1024 * 1024
const POLL_RECORDS_MAX = 20_000

/**
 * Runs a pipeline from topics into a sink of a connector. The consumer group only says which partitions are whose; where to go on is the
 * sink's own knowledge when it keeps its position, and group offsets are written as a report.
 */
export class SinkWorker implements Worker {
  readonly #settings: Settings
  readonly #plan: Plan
  readonly #part: Part
  readonly #topics: readonly AnyTopic[]
  readonly #sink: Sink
  readonly #meter: Meter
  readonly #consumer: Consumer
  readonly #lanes: Map<string, SinkLane>
  readonly #reports: Map<string, ReportedPosition>
  readonly #context: SinkContext
  readonly #done: ReturnType<typeof settleable>
  #open: OpenSink | undefined
  #joined: boolean
  /** The lanes were dropped after a failure. */
  #needsLanes: boolean
  #stopping: boolean
  #leaving: boolean
  #draining: boolean
  #targets: ReadonlyMap<string, number> | undefined

  constructor(settings: Settings, plan: Plan, part: Part, topics: readonly AnyTopic[], sink: Sink, meter: Meter) {
    if (settings.guarantee === 'exactly-once' && !sink.flags.ownsPosition) {
      throw invalid(
        plan.name,
        `the sink '${sink.name}' keeps no position, so it may get records twice; run it with guarantee: 'at-least-once'`,
      )
    }
    if (policyOf(settings, plan).active) {
      throw invalid(
        plan.name,
        `the sink '${sink.name}' is not written in a transaction, so no record can be passed over exactly once; ` +
          "declare it with pipeline(name, { onError: 'fail' }), and filter out in a pipeline before it what it cannot take",
      )
    }
    this.#settings = settings
    this.#plan = plan
    this.#part = part
    this.#topics = topics
    this.#sink = sink
    this.#meter = meter
    this.#consumer = settings.client.consumer({
      groupId: groupId(settings, plan.name),
      groupInstanceId: `${plan.name}-${settings.instanceId}`,
      isolationLevel: 'read_committed',
      autoOffsetReset: settings.startAt,
      partitionAssignmentStrategy: ['range'],
      sessionTimeoutMs: settings.sessionTimeoutMs,
      heartbeatIntervalMs: Math.min(3000, Math.floor(settings.sessionTimeoutMs / 3)),
      maxPollRecords: POLL_RECORDS_MAX,
      prefetchBytes: PREFETCH_BYTES,
      fetchMaxBytes: PREFETCH_BYTES,
    })
    this.#lanes = new Map()
    this.#reports = new Map()
    this.#context = sinkContext(settings, plan, topics, this.#consumer, (position) => void this.#reports.set(keyOf(position), position))
    this.#done = settleable()
    this.#open = undefined
    this.#joined = false
    this.#needsLanes = false
    this.#stopping = false
    this.#leaving = false
    this.#draining = false
    this.#targets = undefined
    meter.lag = () => this.#lag()
  }

  get done(): Promise<void> {
    return this.#done.promise
  }

  async start(): Promise<void> {
    const topics = this.#topics.map(({ name }) => name)
    try {
      this.#open = await this.#sink.open(this.#context)
    } catch (error) {
      await this.#close()
      throw error
    }
    this.#consumer.subscribe(topics, {
      onAssigned: (partitions) => this.#assigned(partitions),
      onRevoked: (partitions) => this.#revoked(partitions),
      onLost: (partitions) => this.#lost(partitions),
    })
    void this.#run()
  }

  drain(): void {
    this.#draining = true
  }

  stop({ leave = false }: StopOptions = {}): void {
    this.#stopping = true
    this.#leaving = leave
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopping && !this.#isDrained()) {
        await this.#poll()
        for (const lane of this.#lanes.values()) {
          if (lane.failure !== undefined) throw lane.failure
          if (lane.interruption !== undefined) await lane.reopen()
        }
        await this.#sendReports()
      }
      await this.#finishAll()
      await this.#sendReports()
      await this.#close()
      this.#done.resolve()
    } catch (error) {
      await Promise.allSettled([...this.#lanes.values()].map((lane) => lane.drop()))
      await this.#close().catch(() => undefined)
      this.#done.reject(isFenced(error) ? fenced(this.#settings, this.#plan.name, error) : error)
    }
  }

  async #close(): Promise<void> {
    const lag = this.#lag()
    this.#meter.lag = () => lag
    await this.#open?.close()
    // They have come to their end; the consumer gives up their partitions when it closes.
    this.#lanes.clear()
    // As in TopicWorker: after a drain for good.
    await this.#consumer.close({ leave: this.#leaving || this.#targets !== undefined })
  }

  async #poll(): Promise<void> {
    const patience = new Patience(this.#settings)
    for (;;) {
      try {
        if (this.#draining) this.#targets ??= await this.#ends()
        const batches = await this.#consumer.poll(POLL_MS)
        if (this.#needsLanes) {
          const assignment = this.#consumer.assignment()
          if (assignment.length > 0) await this.#assigned(assignment)
          return
        }
        for (const batch of batches) {
          const lane = this.#lanes.get(keyOf(batch))
          assert(lane !== undefined, `${keyOf(batch)} is read and goes nowhere`)
          if (batch.firstOffset < (this.#targets?.get(keyOf(batch)) ?? Infinity)) lane.push(batch)
        }
        if (batches.length === 0) this.#quiet()
        return
      } catch (error) {
        if (isFenced(error)) throw error
        // Partitions may have been opened in part: begin again with what is assigned.
        const assignment = this.#consumer.assignment()
        await Promise.all(this.#take(assignment).map((lane) => lane.drop()))
        this.#needsLanes = assignment.length > 0
        await patience.wait(error)
      }
    }
  }

  /** Nothing came: markers are passed, commits that are due without records are begun. */
  #quiet(): void {
    for (const partition of this.#consumer.assignment()) {
      const lane = this.#lanes.get(keyOf(partition))
      const position = this.#consumer.position(partition)
      const target = this.#targets?.get(keyOf(partition)) ?? Infinity
      if (lane !== undefined && position !== undefined) lane.passMarkers(Math.min(position, target))
      lane?.tick()
    }
  }

  async #assigned(partitions: readonly TopicPartition[]): Promise<void> {
    const committed = partitions.length > 0 ? await this.#consumer.committed(partitions) : new Map<string, null>()
    const fresh = partitions.filter((partition) => !committed.get(keyOf(partition)))
    const { startAt } = this.#settings
    const begins =
      fresh.length === 0
        ? new Map<string, number>()
        : await (startAt === 'latest' ? this.#consumer.endOffsets(fresh) : this.#consumer.beginningOffsets(fresh))
    await Promise.all(
      partitions.map(async (partition) => {
        const key = keyOf(partition)
        const known = committed.get(key)
        const lane = this.#lane(partition, {
          offset: known?.offset ?? begins.get(key) ?? 0,
          leaderEpoch: known?.leaderEpoch ?? -1,
        })
        this.#lanes.set(key, lane)
        await lane.open()
      }),
    )
    this.#needsLanes = false
    this.#joined = true
  }

  async #revoked(partitions: readonly TopicPartition[]): Promise<void> {
    this.#joined = false
    const lanes = this.#take(partitions)
    await Promise.all(lanes.map((lane) => lane.finish()))
    await this.#sendReports()
  }

  async #lost(partitions: readonly TopicPartition[]): Promise<void> {
    this.#joined = false
    // Whoever has them now reports them.
    for (const partition of partitions) this.#reports.delete(keyOf(partition))
    await Promise.all(this.#take(partitions).map((lane) => lane.drop()))
  }

  #take(partitions: readonly TopicPartition[]): SinkLane[] {
    return partitions.flatMap((partition) => {
      const lane = this.#lanes.get(keyOf(partition))
      this.#lanes.delete(keyOf(partition))
      return lane === undefined ? [] : [lane]
    })
  }

  #lane(partition: TopicPartition, committed: { offset: number; leaderEpoch: number }): SinkLane {
    const consumer = this.#consumer
    const topic = this.#topics.find(({ name }) => name === partition.topic)!
    return new SinkLane({
      settings: this.#settings,
      sink: this.#open!.partition(partition.topic, partition.partition),
      partition,
      meter: this.#meter,
      committed,
      convert: sinkConverter(this.#settings, this.#plan, this.#part, topic),
      seek: (offset) => consumer.seek(partition, offset),
      pause: () => consumer.pause([partition]),
      resume: () => consumer.resume([partition]),
      committedAt: (position) => {
        if (!this.#sink.flags.ownsPosition) this.#reports.set(keyOf(partition), { ...partition, ...position, metadata: '' })
      },
    })
  }

  async #finishAll(): Promise<void> {
    const lanes = [...this.#lanes.values()]
    await Promise.all(lanes.map((lane) => lane.finish()))
    this.#lanes.clear()
  }

  /** Positions as the group shows them. A report that fails does no harm: the next one says the same and more. */
  async #sendReports(): Promise<void> {
    if (this.#reports.size === 0) return
    const reports = [...this.#reports.values()]
    this.#reports.clear()
    try {
      await this.#consumer.commit(reports)
    } catch (error) {
      if (isFenced(error) || !this.#sink.flags.ownsPosition) throw error
      this.#settings.logger.warn({ err: error }, `the position of pipeline "${this.#plan.name}" could not be reported: ${messageOf(error)}`)
    }
  }

  #isDrained(): boolean {
    if (this.#targets === undefined || !this.#joined || this.#needsLanes) return false
    for (const [key, lane] of this.#lanes) if (!lane.isIdle || lane.position < (this.#targets.get(key) ?? 0)) return false
    return true
  }

  async #ends(): Promise<Map<string, number>> {
    const described = await this.#settings.client.admin.describeTopics(this.#topics.map(({ name }) => name))
    const partitions = described.flatMap(({ name, partitions: list }) => list.map(({ partition }) => ({ topic: name, partition })))
    return endOffsets(this.#settings, partitions)
  }

  #lag(): number {
    let lag = 0
    for (const partition of this.#consumer.assignment()) {
      const lane = this.#lanes.get(keyOf(partition))
      if (lane !== undefined) lag += Math.max(0, (this.#consumer.highWatermark(partition) ?? 0) - lane.position)
    }
    return lag
  }
}
