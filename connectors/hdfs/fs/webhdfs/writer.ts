import type { Agent } from 'node:http'
import { MoldauError, messageOf } from '../../../../core/base/errors.ts'
import type { FileWriter } from '../types.ts'
import { open, wholeAnswer, type Answer, type OpenExchange } from './exchange.ts'
import { failure, remoteError } from './remote-error.ts'

export interface WriterPlace {
  /** Of the file system and of the file, for messages. */
  readonly url: string
  readonly path: string
  /** Where the NameNode says that the bytes go. */
  readonly location: string
  readonly agent: Agent
  readonly timeoutMs: number
}

/**
 * The body of one CREATE. A request that is cut off leaves a closed file of the bytes that came, which looks whole: only the answer that
 * `close` waits for makes it count. Nothing can be sent again, so a failed file is given up, and its records are written anew.
 */
export class WebHdfsWriter implements FileWriter {
  readonly #place: WriterPlace
  readonly #exchange: OpenExchange
  /** Settles early when the node refuses, or is lost. */
  readonly #answer: Promise<Answer>

  constructor(place: WriterPlace) {
    const { location, agent, timeoutMs } = place
    this.#place = place
    this.#exchange = open({ method: 'PUT', url: location, headers: { 'content-type': 'application/octet-stream' }, agent, timeoutMs })
    this.#answer = this.#exchange.response.then(wholeAnswer)
    this.#answer.catch(() => undefined)
  }

  /** Resolves when the node is there. @throws NoAnswer */
  get connected(): Promise<void> {
    return this.#exchange.connected
  }

  async write(chunks: readonly Buffer[]): Promise<void> {
    const { request } = this.#exchange
    let isRoomy = true
    for (const chunk of chunks) isRoomy = request.write(chunk)
    if (isRoomy) return
    // An answer before the end is a refusal.
    await Promise.race([new Promise((resolve) => request.once('drain', resolve)), this.#refused()])
  }

  async close(): Promise<void> {
    this.#exchange.request.end()
    const answer = await this.#whole()
    if (answer.status !== 201) throw this.#refusal(answer)
  }

  abandon(): Promise<void> {
    this.#exchange.request.destroy()
    return Promise.resolve()
  }

  async #refused(): Promise<never> {
    throw this.#refusal(await this.#whole())
  }

  async #whole(): Promise<Answer> {
    try {
      return await this.#answer
    } catch (error) {
      const { url, path, location } = this.#place
      const message = `cannot write ${path} in ${url}: the connection to ${new URL(location).host} ended before its answer (${messageOf(error)})`
      throw new MoldauError('STORAGE_FAILED', message, { cause: error, retriable: true })
    }
  }

  #refusal(answer: Answer): MoldauError {
    this.#exchange.request.destroy()
    return failure(this.#place.url, `write ${this.#place.path}`, remoteError(answer))
  }
}
