import type { Clock } from '../core/base/clock.ts'
import type { RandomBytes } from '../core/base/uuid.ts'
import type { RecordColumns } from '../core/record/columns.ts'

/**
 * What pipelines and connectors agree on. A connector is a value made by a function (`hdfs({ url })`), which does nothing until a
 * pipeline opens it; few methods are required, the others are optional and told by flags.
 */

/** Where reading goes on: any JSON value that the source understands. The position of a Kafka partition is {@link KafkaPosition}. */
export type Position = KafkaPosition | { readonly [field: string]: string | number | boolean | null }

/** The next offset to read, and the leader epoch of the record before it (-1: not known). */
export interface KafkaPosition {
  readonly offset: number
  readonly leaderEpoch: number
}

// ---------------------------------------------------------------------------------------------------------------- sources

/** What a source can promise. */
export interface SourceFlags {
  /** It ends: `read` gives undefined for good. */
  readonly bounded: boolean
  /** Opened at a position that it gave out, it gives the same records in the same order. Exactly-once needs it. */
  readonly replayable: boolean
}

export interface SourceContext {
  readonly clock: Clock
  readonly random: RandomBytes
}

/** Some records and the position behind them. */
export interface SourceBatch<T, P extends Position = Position> {
  readonly records: readonly T[]
  /** Where `open` goes on after the last of these records. */
  readonly position: P
  /** How far a bounded source has come, 0 to 1: for a progress bar. */
  readonly progress?: number
}

/** One stream of records with positions that can be gone back to. Calls come one at a time. */
export interface Source<T, P extends Position = Position> {
  /** For messages and metrics. */
  readonly name: string
  readonly flags: SourceFlags
  /** Starts reading at `position`, or at the beginning. May be called again after `close`, with an earlier position too. */
  open(position: P | undefined, context: SourceContext): Promise<void>
  /** The next records, as many as are at hand, never more than a few thousand; undefined at the end. */
  read(): Promise<SourceBatch<T, P> | undefined>
  close(): Promise<void>
}

// ------------------------------------------------------------------------------------------------------------------ sinks

/** What a sink can promise. */
export interface SinkFlags {
  /**
   * The sink keeps the position together with the data, in one atomic step: the pipeline seeks to what `recover` says and never reads
   * group offsets for it; it writes them as a report only.
   */
  readonly ownsPosition: boolean
  /** `write` may be called while a `commit` is under way: what it takes belongs to the next commit. */
  readonly writesDuringCommit: boolean
}

/** How values of a topic become bytes and back. `schema` is there when the format has one (Avro). */
export interface ValueSerde {
  readonly name: string
  readonly schema?: unknown
  /** Equal for schemas that write the same bytes. */
  readonly fingerprint?: string
  serialize(value: never): Buffer
  deserialize(buffer: Buffer, start: number, end: number): unknown
}

/** What the topic looks like at the moment of asking. */
export interface SourcePartition {
  readonly topicId: string
  readonly logStartOffset: number
  /** High watermark, or last stable offset under read_committed. */
  readonly logEndOffset: number
  /** OffsetForLeaderEpoch: where `leaderEpoch` ends; undefined when it cannot be asked. */
  endOffsetForEpoch?(leaderEpoch: number): Promise<number | undefined>
}

/** A position as written to the consumer group, so that lag shows in ordinary tools. */
export interface ReportedPosition extends KafkaPosition {
  readonly topic: string
  readonly partition: number
  /** For a ledger: `{"uuid":…,"seq":…}` as text. */
  readonly metadata: string
}

/** What the pipeline hands to a sink when it opens it. */
export interface SinkContext {
  /** Of the cluster that the records come from. */
  readonly clusterId: string
  /** Name of the pipeline. */
  readonly pipeline: string
  readonly clock: Clock
  readonly random: RandomBytes
  /** Where a partition that was never committed begins. */
  readonly startAt: 'earliest' | 'latest'
  /** The serde of the topic's values, as declared by `topic(…)`; undefined when the pipeline does not know one. */
  valueSerde(topic: string): ValueSerde | undefined
  /** Asks the cluster. */
  sourcePartition(topic: string, partition: number): Promise<SourcePartition>
  /** Takes a position that is now durable. May answer late or never: it is a report. */
  report(position: ReportedPosition): void
  /** The last report, as the group has it now; undefined when there is none. */
  reported(topic: string, partition: number): Promise<ReportedPosition | undefined>
}

/**
 * Records of one partition on their way to a sink: a ConsumerBatch of the client as it is, or one that went through operators and says
 * with `selected` and `values` what became of its records.
 */
export interface SinkBatch {
  readonly topic: string
  readonly partition: number
  readonly columns: RecordColumns
  /** Index in `columns` of the first record to look at. */
  readonly from: number
  /** How many, from `from`. */
  readonly count: number
  /** The consumer's position behind this batch, past markers and holes. */
  readonly nextOffset: number
  readonly leaderEpoch: number
  /** Indexes into `columns`, strictly rising, of the records that are kept; the others count as filtered. Absent: all. */
  readonly selected?: ArrayLike<number>
  /** Values in place of the records' own bytes, one for each kept record, to go through the sink's serde. Absent: the bytes. */
  readonly values?: readonly unknown[]
  /** How many of the records that were not kept are in the dead letters instead. */
  readonly deadLettered?: number
}

/** What a commit has made durable. */
export interface Committed {
  readonly position: KafkaPosition
  readonly records: number
  readonly files: number
  readonly bytes: number
}

/**
 * The end of one topic-partition. A driver calls: `recover`, then `write` any number of times, `commit`, `write`, … `close`; one call at
 * a time (but see `writesDuringCommit`). After `abort`, or after any call failed, only `recover` or `close` may follow.
 *
 * Errors: `ATTEMPT_DEAD` (retriable) another instance committed: `recover` and go on from there. `SERDE_FAILED` names topic, partition
 * and offset. Others say what a person must do.
 */
export interface PartitionSink {
  /** Takes records; they count for nothing until a commit covers them. */
  write(batch: SinkBatch): Promise<void> | void
  /**
   * Makes all that was written durable together with `position`, in one atomic step. `position.offset` is the `nextOffset` of the last
   * batch written, or beyond it when only markers followed. Without anything new it does nothing.
   */
  commit(position: KafkaPosition): Promise<Committed>
  /** Frees what is held. What was not committed is dropped. */
  close(): Promise<void>

  /** Required with `ownsPosition`: finishes what an earlier instance committed, and says where to go on. */
  recover?(): Promise<KafkaPosition>
  /** Drops everything since the last commit. */
  abort?(): Promise<void>
  /** True when the sink wants a commit: files are full, or open for too long. The driver asks after each batch and at `nextDue`. */
  due?(now: number): boolean
  /** When to ask `due` again though no record came (wall time, ms); undefined when nothing is open. */
  nextDue?(): number | undefined
}

/** A sink that was opened for one run of one pipeline. */
export interface OpenSink {
  /** The end of one partition; called once per assignment, the earlier one was closed. */
  partition(topic: string, partition: number): PartitionSink
  close(): Promise<void>
}

/** What `.to(…)` takes, apart from topics. */
export interface Sink {
  /** For messages and metrics, e.g. `hdfs file:./lake`. */
  readonly name: string
  readonly flags: SinkFlags
  open(context: SinkContext): Promise<OpenSink>
}
