import { MoldauError } from '../../core/base/errors.ts'
import { avroCodecs, type AvroCodec } from '../avro/codec.ts'
import type { ValueSerde } from '../types.ts'
import type { WebHdfsOptions } from './fs/webhdfs/options.ts'
import { HIDDEN } from './ledger/names.ts'
import { partitioner, type PartitionBy, type Partitioner } from './partitioner.ts'

/** When a partition's files are closed and committed: whichever comes first. All its open files are cut together, at one offset. */
export interface Rotate {
  /** Records since the last commit, over all open files of the partition. Default 1,000,000. */
  readonly records?: number
  /** Bytes since the last commit, over all open files of the partition. Default 128 MiB. */
  readonly bytes?: number
  /** Milliseconds since the first record after the last commit. Default 10 minutes. */
  readonly openMs?: number
  /** Milliseconds without a record. Default 1 minute. */
  readonly idleMs?: number
}

export interface HdfsOptions {
  /** Where: `webhdfs://namenode:9870/lake` (of all NameNodes, with commas between), `swebhdfs://…`, `file:./lake`, or a plain path. */
  readonly url: string
  /** How a `webhdfs:` or `swebhdfs:` URL is reached. */
  readonly webhdfs?: WebHdfsOptions
  /** Default and only choice so far: `avro`, object container files. */
  readonly format?: 'avro'
  /** Compression of blocks. Default `null`, none. */
  readonly codec?: AvroCodec
  /** Directories for Hive, e.g. `{ time: "'dt='yyyy-MM-dd" }`. Default `'topic'`. */
  readonly partitionBy?: PartitionBy
  readonly rotate?: Rotate
  /** The sink's name in the directory, of letters, digits, `.`, `_` and `-`; default the pipeline's. Two sinks of different names can share one. */
  readonly name?: string
  /** Serde of the values, when they are not what the topic declares (after a `map`). Its schema is the files' schema. */
  readonly value?: ValueSerde
  /** Check that each value passed through is Avro of the schema. Default true: it costs about a tenth of the whole; see docs/connectors/hdfs.md. */
  readonly validate?: boolean
  /** Files open at the same time, over all partitions of a worker; the one unused longest is closed early. Default 256. */
  readonly openFiles?: number
  /** The directory or the topic is another one than before, with the same data at the same offsets: go on. Default false. */
  readonly adopt?: boolean
  /** The topic was made anew or cut: start again at its beginning. Default false. */
  readonly reset?: boolean
  /** Retention deleted records before they were archived: `stop` (default), or `record` the gap in the ledger and go on. */
  readonly gap?: 'stop' | 'record'
}

/** All settings, filled in and checked. */
export interface Settings {
  readonly url: string
  readonly webhdfs: WebHdfsOptions | undefined
  readonly codec: AvroCodec
  readonly partitioner: Partitioner
  readonly rotate: Required<Rotate>
  readonly name: string | undefined
  readonly value: ValueSerde | undefined
  readonly validate: boolean
  readonly openFiles: number
  readonly policies: { readonly adopt: boolean; readonly reset: boolean; readonly gap: 'stop' | 'record' }
}

const rotateDefaults: Required<Rotate> = { records: 1_000_000, bytes: 128 * 1024 * 1024, openMs: 600_000, idleMs: 60_000 }
const known = new Set([
  'url',
  'webhdfs',
  'format',
  'codec',
  'partitionBy',
  'rotate',
  'name',
  'value',
  'validate',
  'openFiles',
  'adopt',
  'reset',
  'gap',
])

/** Throws INVALID_CONFIG, naming the setting. */
export function settingsOf(options: HdfsOptions): Settings {
  for (const name of Object.keys(options))
    if (!known.has(name)) throw invalid(`${name} is not a setting; the settings are ${[...known].join(', ')}`)
  if (typeof options.url !== 'string') throw invalid('url is missing; give a directory, e.g. file:./lake or webhdfs://namenode:9870/lake')
  if (options.format !== undefined && options.format !== 'avro')
    throw invalid(`format: ${String(options.format)} is not there yet; use avro`)
  const codec = options.codec ?? 'null'
  if (!avroCodecs.includes(codec)) throw invalid(`codec: ${codec} is none of ${avroCodecs.join(', ')}`)
  if (options.name !== undefined) sinkName(options.name)
  const gap = options.gap ?? 'stop'
  if (gap !== 'stop' && gap !== 'record') throw invalid(`gap: ${String(gap)} is neither stop nor record`)
  const rotate = { ...rotateDefaults, ...options.rotate }
  for (const [name, value] of Object.entries(rotate)) positive(`rotate.${name}`, value, name in rotateDefaults)
  const openFiles = options.openFiles ?? 256
  positive('openFiles', openFiles, true)
  return {
    url: options.url,
    webhdfs: options.webhdfs,
    codec,
    partitioner: partitioner(options.partitionBy ?? 'topic'),
    rotate,
    name: options.name,
    value: options.value,
    validate: options.validate ?? true,
    openFiles,
    policies: { adopt: options.adopt ?? false, reset: options.reset ?? false, gap },
  }
}

/** Checks a name that becomes a directory. */
export function sinkName(name: string): string {
  if (!/^[A-Za-z0-9._-]{1,200}$/.test(name) || name.startsWith('.') || name === HIDDEN) {
    throw invalid(`name: ${JSON.stringify(name)} cannot be a directory; use letters, digits, . _ and -`)
  }
  return name
}

function positive(name: string, value: number, isKnown: boolean): void {
  if (!isKnown) throw invalid(`${name} is not a setting`)
  if (!Number.isFinite(value) || value < 1) throw invalid(`${name}: ${value} is not above 0`)
}

function invalid(what: string): MoldauError {
  return new MoldauError('INVALID_CONFIG', `hdfs: ${what}`)
}
