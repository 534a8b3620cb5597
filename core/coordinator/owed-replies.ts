import { kafkaError, type KafkaErrorName } from '../protocol/errors.ts'
import type { Reply, Ticket } from './outcome.ts'

interface Waiting {
  readonly resolve: (body: never) => void
  readonly reject: (error: unknown) => void
}

/** The requests of one partition whose answers are still owed, by their tickets. */
export class OwedReplies {
  readonly #waiting: Map<Ticket, Waiting>
  #lastTicket: Ticket

  constructor() {
    this.#waiting = new Map()
    this.#lastTicket = 0
  }

  /** Resolves with what is sent to the ticket that `run` gets; rejects with what `run` throws. */
  owe<Body>(run: (ticket: Ticket) => void): Promise<Body> {
    return new Promise<Body>((resolve, reject) => {
      const ticket = ++this.#lastTicket
      this.#waiting.set(ticket, { resolve, reject })
      try {
        run(ticket)
      } catch (error) {
        this.#waiting.delete(ticket)
        reject(error instanceof Error ? error : new Error(String(error)))
      }
    })
  }

  send(replies: readonly Reply[]): void {
    for (const { ticket, body } of replies) {
      this.#waiting.get(ticket)?.resolve(body as never)
      this.#waiting.delete(ticket)
    }
  }

  refuse(replies: readonly Reply[], error: unknown): void {
    for (const { ticket } of replies) {
      this.#waiting.get(ticket)?.reject(error)
      this.#waiting.delete(ticket)
    }
  }

  refuseAll(error: KafkaErrorName): void {
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject } of waiting) reject(kafkaError(error))
  }
}
