import { hostname } from 'node:os'
import type { OpenSink, PartitionSink, Sink, SinkContext } from '../types.ts'
import { openFileSystem } from './fs/url.ts'
import type { FileSystem } from './fs/types.ts'
import { Chain } from './ledger/chain.ts'
import { settingsOf, sinkName, type HdfsOptions, type Settings } from './options.ts'
import { HdfsPartition } from './partition-sink.ts'
import { Values } from './values.ts'

const VERSION = '0.1.0'
/** So many files stay open in a partition however many partitions there are. */
const OPEN_FILES_MIN = 2

/**
 * A sink that writes records into Avro files in Hive-style directories, exactly once: data and position become true in one atomic step,
 * a ledger entry (docs/ledger.md). Kill it at any moment, run two of it by mistake: each offset is in the lake once.
 *
 * @example hdfs({ url: 'file:./lake', partitionBy: { time: "'dt='yyyy-MM-dd" }, rotate: { records: 100_000, openMs: 60_000 } })
 *
 * Throws INVALID_CONFIG, naming the setting.
 */
export function hdfs(options: HdfsOptions): Sink {
  const settings = settingsOf(options)
  return ledgerSink(settings, openFileSystem(settings.url, settings.webhdfs))
}

/** {@link hdfs} on a given file system. */
export function ledgerSink(settings: Settings, fs: FileSystem): Sink {
  return {
    name: `hdfs ${settings.url}`,
    flags: { ownsPosition: true, writesDuringCommit: true },
    open: (context) => Promise.resolve(new HdfsSink(settings, fs, context)),
  }
}

class HdfsSink implements OpenSink {
  readonly #settings: Settings
  readonly #fs: FileSystem
  readonly #context: SinkContext
  readonly #partitions: Set<PartitionSink>
  readonly #sink: string

  constructor(settings: Settings, fs: FileSystem, context: SinkContext) {
    this.#settings = settings
    this.#fs = fs
    this.#context = context
    this.#partitions = new Set()
    this.#sink = settings.name ?? sinkName(context.pipeline)
  }

  partition(topic: string, partition: number): PartitionSink {
    const { clusterId, pipeline, startAt, random, clock } = this.#context
    const settings = this.#settings
    const serde = settings.value ?? this.#context.valueSerde(topic)
    const chain = new Chain({
      fs: this.#fs,
      sink: this.#sink,
      topic,
      partition,
      clusterId,
      pipeline,
      startAt,
      policies: settings.policies,
      writer: { host: hostname(), pid: process.pid, version: VERSION },
      random,
      now: () => clock.now(),
      report: (position) => this.#context.report(position),
    })
    const sink: PartitionSink = new HdfsPartition({
      topic,
      partition,
      fs: this.#fs,
      chain,
      values: new Values(topic, partition, serde, settings, random),
      settings,
      context: this.#context,
      openFilesMax: () => Math.max(OPEN_FILES_MIN, Math.floor(settings.openFiles / Math.max(1, this.#partitions.size))),
      onClose: () => void this.#partitions.delete(sink),
    })
    this.#partitions.add(sink)
    return sink
  }

  async close(): Promise<void> {
    await Promise.all([...this.#partitions].map((partition) => partition.close()))
  }
}
