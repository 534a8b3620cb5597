import { dirname } from 'node:path'
import { MoldauError } from '../base/errors.ts'
import { unavailable } from './unavailable.ts'
import { type Files, nodeFiles, replaceFile } from '../base/files.ts'

/** Hands out blocks of producer ids that were never handed out before, across restarts and brokers. */
export interface ProducerIdStore {
  /** Durably takes `count` ids; answers the first of them. */
  reserve(count: number): Promise<number>
}

const BLOCK_SIZE_DEFAULT = 1000

/** Producer ids one by one, taken from the store in blocks; what is left of a block at a crash is lost, as in Kafka. */
export class ProducerIds {
  readonly #store: ProducerIdStore
  readonly #blockSize: number
  #next: number
  #end: number
  #refill: Promise<void> | undefined

  constructor(store: ProducerIdStore, blockSize = BLOCK_SIZE_DEFAULT) {
    this.#store = store
    this.#blockSize = blockSize
    this.#next = 0
    this.#end = 0
    this.#refill = undefined
  }

  async next(): Promise<number> {
    while (this.#next >= this.#end) {
      this.#refill ??= this.#fill()
      await this.#refill
    }
    return this.#next++
  }

  async #fill(): Promise<void> {
    try {
      this.#next = await this.#store.reserve(this.#blockSize)
      this.#end = this.#next + this.#blockSize
    } catch (error) {
      throw unavailable(error)
    } finally {
      this.#refill = undefined
    }
  }
}

/** Keeps the next free producer id in a file: a lone broker needs nobody else to agree with. */
export function fileProducerIdStore(path: string, files: Files = nodeFiles): ProducerIdStore {
  return {
    async reserve(count) {
      const first = readNext(files, path)
      files.mkdir(dirname(path))
      await replaceFile(files, path, `${first + count}\n`)
      return first
    },
  }
}

function readNext(files: Files, path: string): number {
  const text = files.readFile(path)?.toString()
  if (text === undefined) return 0
  const next = Number(text.trim())
  if (!Number.isSafeInteger(next) || next < 0 || text.trim() === '') {
    throw new MoldauError(
      'STORAGE_FAILED',
      `${path} holds "${text.slice(0, 40)}" in place of the next producer id: write a number above every producer id in use`,
    )
  }
  return next
}
