import type { Bolt, TaskContext } from './component.ts'
import type { AnyBolt, TaskErrors } from './graph.ts'
import { AckingOutput, AnchoringOutput, type Outlets } from './outputs.ts'
import { EdgeTuple, type Emitter, type Target } from './tuple.ts'

/** Who emits ticks. */
const ticker: Emitter = { component: '__system', task: -1, stream: '__tick' }

/** What runs the tasks that it is given, one after the other. */
export interface BoltRunner {
  offer(tuple: EdgeTuple): void
}

/** What a task tells those around it. */
export interface TaskEvents {
  /** A task cannot go on, and the topology with it. */
  stop(component: string, error: unknown): void
}

/** One task of a bolt, whoever runs it. */
export class BoltTask implements Target {
  readonly context: TaskContext
  /** Changes when the topology is rebalanced. */
  runner: BoltRunner | undefined
  readonly #definition: AnyBolt
  readonly #onError: TaskErrors
  readonly #outlets: Outlets
  readonly #basic: AnchoringOutput
  readonly #rich: AckingOutput
  readonly #events: TaskEvents
  readonly #tick: EdgeTuple
  #isTickQueued: boolean
  #bolt: Bolt<unknown> | undefined

  constructor(definition: AnyBolt, onError: TaskErrors, context: TaskContext, outlets: Outlets, events: TaskEvents) {
    this.context = context
    this.runner = undefined
    this.#definition = definition
    this.#onError = onError
    this.#outlets = outlets
    this.#basic = new AnchoringOutput(outlets)
    this.#rich = new AckingOutput(outlets)
    this.#events = events
    this.#tick = new EdgeTuple(undefined, ticker, this)
    this.#isTickQueued = false
    this.#bolt = undefined
  }

  offer(tuple: EdgeTuple): void {
    this.runner!.offer(tuple)
  }

  /** A tick gets in line, unless one stands there already. */
  offerTick(): void {
    if (this.#isTickQueued) return
    this.#isTickQueued = true
    this.offer(this.#tick)
  }

  async open(): Promise<void> {
    const out = this.#definition.acks === 'itself' ? this.#rich : this.#basic
    this.#bolt = this.#definition.make(out as never, this.context) as Bolt<unknown>
    await this.#bolt.prepare?.()
  }

  async close(): Promise<void> {
    await this.#bolt?.cleanup?.()
    this.#bolt = undefined
  }

  /** As if its process had died: nothing is cleaned up, what it holds times out. */
  async crash(): Promise<void> {
    this.#bolt = undefined
    this.#isTickQueued = false
    await this.open()
  }

  /** A promise when the tuple takes longer; it never rejects. */
  execute(tuple: EdgeTuple): Promise<void> | undefined {
    if (tuple === this.#tick) return this.#runTick()
    this.#outlets.counts.executed++
    this.#basic.current = tuple
    let done: Promise<void> | void
    try {
      done = this.#bolt!.execute(tuple)
    } catch (error) {
      return this.#failed(error, tuple)
    }
    if (done !== undefined) return this.#finish(done, tuple)
    if (this.#definition.acks === 'after-execute') this.#rich.ack(tuple)
    return undefined
  }

  async #finish(done: Promise<void>, tuple: EdgeTuple): Promise<void> {
    try {
      await done
      if (this.#definition.acks === 'after-execute') this.#rich.ack(tuple)
    } catch (error) {
      await this.#failed(error, tuple)
    }
  }

  #runTick(): Promise<void> | undefined {
    this.#isTickQueued = false
    this.#basic.current = undefined
    try {
      return this.#bolt!.tick?.()?.catch((error: unknown) => this.#failed(error, undefined))
    } catch (error) {
      return this.#failed(error, undefined)
    }
  }

  #failed(error: unknown, tuple: EdgeTuple | undefined): Promise<void> | undefined {
    this.#outlets.reportError(error)
    if (tuple !== undefined) this.#rich.fail(tuple)
    if (this.#onError === 'fail') return undefined
    if (this.#onError === 'restart') return this.crash().catch((again: unknown) => this.#events.stop(this.context.component, again))
    this.#events.stop(this.context.component, error)
    return undefined
  }
}
