import { assert } from '../../core/base/assert.ts'
import { MoldauError } from '../../core/base/errors.ts'
import type { Committed, KafkaPosition, PartitionSink, SinkBatch, SinkContext } from '../types.ts'
import { Slice, type SliceParts } from './slice.ts'

/** Bytes that a partition may have handed to the store without an answer before `write` waits. */
const QUEUED_BYTES_MAX = 8 * 1024 * 1024

export interface PartitionSinkParts extends Omit<SliceParts, 'nextFile'> {
  readonly topic: string
  readonly partition: number
  readonly context: SinkContext
  readonly onClose: () => void
}

/** One topic-partition on its way into the lake: staged files, cut together and committed through the ledger. */
export class HdfsPartition implements PartitionSink {
  readonly #parts: PartitionSinkParts
  readonly #sliceParts: SliceParts
  #state: 'new' | 'ready' | 'failed' | 'closed'
  #slice: Slice
  #logStart: number
  #n: number
  #committing: Promise<unknown>

  constructor(parts: PartitionSinkParts) {
    this.#parts = parts
    this.#sliceParts = { ...parts, nextFile: () => this.#n++ }
    this.#state = 'new'
    this.#slice = new Slice(this.#sliceParts, 0)
    this.#logStart = 0
    this.#n = 0
    this.#committing = Promise.resolve()
  }

  async recover(): Promise<KafkaPosition> {
    assert(this.#state !== 'closed', 'recover after close')
    await this.#committing
    await this.#drop('failed')
    const { topic, partition, chain, context } = this.#parts
    const source = await context.sourcePartition(topic, partition)
    const position = await chain.start(source, await context.reported(topic, partition))
    this.#logStart = source.logStartOffset
    this.#n = 0
    this.#slice = new Slice(this.#sliceParts, position.offset)
    this.#state = 'ready'
    return position
  }

  write(batch: SinkBatch): Promise<void> | void {
    this.#mustBeReady()
    try {
      this.#slice.write(batch, this.#parts.context.clock.now())
    } catch (error) {
      this.#state = 'failed'
      throw error
    }
    const pressure = this.#slice.files.pressure(QUEUED_BYTES_MAX)
    return pressure === undefined ? undefined : this.#wait(pressure)
  }

  async commit(position: KafkaPosition): Promise<Committed> {
    // The cut: all open files, at one offset, in the instant of the call; what is written from now on is of the next commit.
    this.#mustBeReady()
    const slice = this.#slice
    assert(position.offset >= slice.next, `a commit at ${position.offset}, below what was written (${slice.next})`)
    this.#slice = new Slice(this.#sliceParts, position.offset)
    const committing = this.#committing.then(() => this.#publish(slice, position))
    this.#committing = committing.catch(() => undefined)
    return await committing
  }

  async abort(): Promise<void> {
    if (this.#state === 'closed') return
    await this.#committing
    await this.#drop('failed')
    this.#parts.chain.end()
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    await this.#committing
    await this.#drop('closed')
    this.#parts.onClose()
  }

  due(now: number): boolean {
    const { rotate } = this.#parts.settings
    const { records, bytes } = this.#slice
    return records >= rotate.records || bytes >= rotate.bytes || now >= (this.nextDue() ?? Infinity)
  }

  nextDue(): number | undefined {
    const { rotate } = this.#parts.settings
    const { openedAt, writtenAt } = this.#slice
    return openedAt === undefined ? undefined : Math.min(openedAt + rotate.openMs, writtenAt + rotate.idleMs)
  }

  async #publish(slice: Slice, position: KafkaPosition): Promise<Committed> {
    const { chain } = this.#parts
    const nothing = slice.openedAt === undefined && position.offset === chain.next
    if (nothing) return { position, records: 0, files: 0, bytes: 0 }
    try {
      const files = await slice.files.close()
      const { records, filtered, deadLettered } = slice
      const { offset: next, leaderEpoch } = position
      await chain.commit({ next, leaderEpoch, logStart: this.#logStart, records, filtered, deadLettered, files })
      return { position, records, files: files.length, bytes: files.reduce((sum, file) => sum + file.bytes, 0) }
    } catch (error) {
      this.#state = 'failed'
      throw await chain.explain(error)
    }
  }

  async #wait(pressure: Promise<unknown>): Promise<void> {
    try {
      await pressure
    } catch (error) {
      this.#state = 'failed'
      throw await this.#parts.chain.explain(error)
    }
  }

  async #drop(state: 'failed' | 'closed'): Promise<void> {
    this.#state = state
    const { files } = this.#slice
    this.#slice = new Slice(this.#sliceParts, 0)
    await files.abandon()
  }

  #mustBeReady(): void {
    if (this.#state === 'ready') return
    const { topic, partition, fs } = this.#parts
    throw new MoldauError('CLOSED', `the sink of ${topic}-${partition} in ${fs.url} is ${this.#state}; recover it first`)
  }
}
