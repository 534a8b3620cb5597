import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { MoldauError, messageOf } from '../base/errors.ts'

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
    } finally {
      this.#refill = undefined
    }
  }
}

/** Keeps the next free producer id in a file: a lone broker needs nobody else to agree with. */
export function fileProducerIdStore(path: string): ProducerIdStore {
  return {
    async reserve(count) {
      const first = readNext(path)
      writeNext(path, first + count)
      return first
    },
  }
}

function readNext(path: string): number {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0
    throw new MoldauError('STORAGE_FAILED', `${path}: cannot be read: ${messageOf(error)}`, { cause: error })
  }
  const next = Number(text.trim())
  if (!Number.isSafeInteger(next) || next < 0 || text.trim() === '') {
    throw new MoldauError(
      'STORAGE_FAILED',
      `${path} holds "${text.slice(0, 40)}" in place of the next producer id: write a number above every producer id in use`,
    )
  }
  return next
}

/** Written beside and renamed, so that a crash leaves the old number or the new one; a block is never handed out twice. */
function writeNext(path: string, next: number): void {
  try {
    mkdirSync(dirname(path), { recursive: true })
    const file = openSync(`${path}.tmp`, 'w')
    try {
      writeSync(file, `${next}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(`${path}.tmp`, path)
    const directory = openSync(dirname(path), 'r')
    try {
      fsyncSync(directory)
    } finally {
      closeSync(directory)
    }
  } catch (error) {
    throw new MoldauError('STORAGE_FAILED', `${path}: cannot be written: ${messageOf(error)}`, { cause: error })
  }
}
