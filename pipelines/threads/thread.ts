import { type Transferable, Worker } from 'node:worker_threads'
import { MoldauError, messageOf } from '../../core/base/errors.ts'

/** How long a thread that has finished may take to end, in milliseconds. */
const RETIRE_MS = 500

export interface ThreadOptions<Out> {
  /** The module that runs in the thread; for one of ours see {@link entryUrl}. */
  readonly entry: URL
  /** What debuggers and messages call it: `moldau orders.ts 2`. */
  readonly name: string
  /** What it begins with: copied as `postMessage` does. */
  readonly data: unknown
  readonly onMessage: (message: Out) => void
}

/**
 * A worker thread with a module of ours in it. It has no memory in common with this one: what goes there and comes from there are messages
 * and batches of bytes. It may die at any moment, of its own code or because it is told to, as a process may.
 */
export class Thread<In, Out> {
  /** Resolves when it is gone: with what it died of, or with nothing when it was ended from here. */
  readonly gone: Promise<Error | undefined>
  readonly #worker: Worker
  #ending: boolean

  constructor({ entry, name, data, onMessage }: ThreadOptions<Out>) {
    this.#ending = false
    this.#worker = new Worker(entry, { workerData: data, name })
    this.#worker.on('message', onMessage)
    const { promise, resolve } = Promise.withResolvers<Error | undefined>()
    this.gone = promise
    let thrown: unknown
    this.#worker.on('error', (error) => (thrown = error))
    this.#worker.on('messageerror', (error) => (thrown = error))
    this.#worker.on('exit', (code) => resolve(this.#ending ? undefined : died(name, thrown, code)))
  }

  /** Says nothing when the thread is gone. @param transfer buffers that are handed over, not copied */
  post(message: In, transfer: readonly Transferable[] = []): void {
    this.#worker.postMessage(message, [...transfer])
  }

  /**
   * It has said that it has nothing more to do: waits a moment for it to end by itself, so that the last it has printed comes through, and ends
   * it when something in it holds on.
   */
  async retire(): Promise<void> {
    this.#ending = true
    const timer = setTimeout(() => void this.#worker.terminate(), RETIRE_MS)
    await this.gone
    clearTimeout(timer)
  }

  /** Ends it where it is, as kill -9 ends a process. */
  async end(): Promise<void> {
    this.#ending = true
    await this.#worker.terminate()
  }
}

/**
 * The URL of a module of ours that runs in threads: of the sources while those are run, of the built package else.
 *
 * @param from `import.meta.url` of a module in the same folder
 * @param name without its ending
 */
export function entryUrl(from: string, name: string): URL {
  return new URL(`./${name}${from.endsWith('.ts') ? '.ts' : '.js'}`, from)
}

function died(name: string, thrown: unknown, code: number): MoldauError {
  const what = thrown === undefined ? `it has ended with code ${code}, though nobody asked it to` : messageOf(thrown)
  return new MoldauError('THREAD_DIED', `the thread '${name}' is gone: ${what}`, thrown === undefined ? {} : { cause: thrown })
}
