import type { CoordinatorRecord } from './records.ts'

/** Stands for a request whose answer is still owed. The machines carry it around and never look inside. */
export type Ticket = number

export interface Reply {
  readonly ticket: Ticket
  readonly body: unknown
}

/**
 * What an operation decided: records to append and answers to give once they are durable. Operations change the state
 * they are given at once; when the append fails, the runtime loads the partition again.
 */
export class Outcome {
  readonly records: CoordinatorRecord[]
  readonly replies: Reply[]

  constructor() {
    this.records = []
    this.replies = []
  }

  record(record: CoordinatorRecord): void {
    this.records.push(record)
  }

  reply(ticket: Ticket, body: unknown): void {
    this.replies.push({ ticket, body })
  }
}
