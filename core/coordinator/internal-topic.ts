import type { PartitionWriter } from './partition-writer.ts'
import { unavailable } from './unavailable.ts'

export interface InternalTopicOptions {
  writer: PartitionWriter
  name: string
  /** Where it is yet to be made. */
  partitions: number
  /** Reads it back. */
  load: () => Promise<void>
}

/** The topic that a coordinator keeps its state in: read back at start when it exists, made when it is first needed; either happens once. */
export class InternalTopic {
  readonly #options: InternalTopicOptions
  #loading: Promise<void> | undefined

  constructor(options: InternalTopicOptions) {
    this.#options = options
    this.#loading = undefined
  }

  /** Reads the topic, if there is one. */
  async load(): Promise<void> {
    const { writer, name, load } = this.#options
    if (writer.exists(name, 0)) await (this.#loading ??= load())
  }

  /** Sees to it that the topic exists and has been read. After a failure the next call tries again. */
  async prepare(): Promise<void> {
    this.#loading ??= this.#create()
    await this.#loading
  }

  async #create(): Promise<void> {
    const { writer, name, partitions, load } = this.#options
    try {
      await writer.ensureTopic(name, partitions)
      await load()
    } catch (error) {
      this.#loading = undefined
      throw unavailable(error)
    }
  }
}
