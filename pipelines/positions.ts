import { compacted, ensureTopics } from './internal-topics.ts'
import { positionsTopic } from './names.ts'
import type { Settings } from './options.ts'
import type { Position } from '../connectors/types.ts'
import { readToEnd } from './restore.ts'

/** Where a source outside Kafka goes on, and how far its event time had come. */
export interface SavedPosition {
  readonly position: Position
  readonly watermark: string
}

/**
 * Positions of sources outside Kafka: records of a compacted topic, written in the transaction of what was made of the source.
 * The topic has one partition: a record per epoch is little.
 */
export class Positions {
  readonly topic: string
  readonly #settings: Settings
  readonly #pipeline: string
  readonly #key: Buffer

  constructor(settings: Settings, pipeline: string, source: string) {
    this.topic = positionsTopic(settings)
    this.#settings = settings
    this.#pipeline = pipeline
    this.#key = Buffer.from(JSON.stringify({ pipeline, source }))
  }

  async create(): Promise<void> {
    await ensureTopics(this.#settings.client, this.#pipeline, [{ name: this.topic, partitions: 1, configs: compacted }])
  }

  /** The last position that was committed. Call it when the transactional id is fenced, else an older process may still commit one. */
  async read(): Promise<SavedPosition | undefined> {
    let saved: SavedPosition | undefined
    await readToEnd(this.#settings, [{ topic: this.topic, partition: 0 }], ({ columns, from, count }) => {
      for (let i = from; i < from + count; i++) {
        const value = columns.value(i)
        if (columns.key(i)?.equals(this.#key) !== true) continue
        saved = value === null ? undefined : (JSON.parse(value.toString()) as SavedPosition)
      }
    })
    return saved
  }

  record(saved: SavedPosition): { key: Buffer; value: Buffer } {
    return { key: this.#key, value: Buffer.from(JSON.stringify(saved)) }
  }
}
