import { messageOf } from '../../core/base/errors.ts'
import type { Anchors } from './component.ts'
import type { Counts } from './metrics.ts'
import type { Outlet } from './outlet.ts'
import type { PendingRoot, Pending } from './pending.ts'
import { Anchored, type Anchor, type EdgeTuple } from './tuple.ts'

/** The outlets of a task, by stream. */
export class Outlets {
  readonly counts: Counts
  readonly #named: Map<string, Outlet>
  readonly #make: (stream: string) => Outlet
  #default: Outlet | undefined

  constructor(make: (stream: string) => Outlet, counts: Counts) {
    this.#make = make
    this.counts = counts
    this.#named = new Map()
    this.#default = undefined
  }

  /** Of the stream `default`; there when {@link Outlets.reset} was called. */
  get default(): Outlet {
    return this.#default!
  }

  /** Tasks are there, or have moved: where tuples go is found anew. */
  reset(): void {
    this.#named.clear()
    this.#default = this.of('default')
  }

  of(stream: string): Outlet {
    let outlet = this.#named.get(stream)
    if (outlet === undefined) this.#named.set(stream, (outlet = this.#make(stream)))
    return outlet
  }

  reportError(error: unknown): void {
    this.counts.errors++
    this.counts.lastError = messageOf(error)
  }
}

/** A {@link SpoutOutput}. */
export class TrackingOutput {
  readonly #outlets: Outlets
  /** undefined: nothing is tracked; the spout hears at once that all is well. */
  readonly #pending: Pending | undefined
  readonly #untracked: (id: unknown) => void
  /** How many tuples this task has emitted. */
  sent: number

  constructor(outlets: Outlets, pending: Pending | undefined, untracked: (id: unknown) => void) {
    this.#outlets = outlets
    this.#pending = pending
    this.#untracked = untracked
    this.sent = 0
  }

  emit(first: unknown, second?: unknown, third?: unknown): void {
    if (typeof first === 'string') this.#send(this.#outlets.of(first), undefined, second, third)
    else this.#send(this.#outlets.default, undefined, first, second)
  }

  emitDirect(task: number, first: unknown, second?: unknown, third?: unknown): void {
    if (typeof first === 'string') this.#send(this.#outlets.of(first), task, second, third)
    else this.#send(this.#outlets.default, task, first, second)
  }

  reportError(error: unknown): void {
    this.#outlets.reportError(error)
  }

  #send(outlet: Outlet, task: number | undefined, values: unknown, id: unknown): void {
    this.sent++
    const root: PendingRoot | undefined = id === undefined ? undefined : this.#pending?.open(id)
    if (task === undefined) outlet.send(values, root)
    else outlet.sendDirect(task, values, root)
    if (root !== undefined) this.#pending!.emitted(root)
    else if (id !== undefined) this.#untracked(id)
  }
}

/** A {@link BasicOutput}: everything hangs on the tuple that is executed. */
export class AnchoringOutput {
  readonly #outlets: Outlets
  /** Undefined in a tick. */
  current: EdgeTuple | undefined

  constructor(outlets: Outlets) {
    this.#outlets = outlets
    this.current = undefined
  }

  emit(first: unknown, second?: unknown): void {
    if (typeof first === 'string') this.#outlets.of(first).send(second, this.current)
    else this.#outlets.default.send(first, this.current)
  }

  emitDirect(task: number, first: unknown, second?: unknown): void {
    if (typeof first === 'string') this.#outlets.of(first).sendDirect(task, second, this.current)
    else this.#outlets.default.sendDirect(task, first, this.current)
  }

  reportError(error: unknown): void {
    this.#outlets.reportError(error)
  }
}

/** A {@link RichOutput}. */
export class AckingOutput {
  readonly #outlets: Outlets

  constructor(outlets: Outlets) {
    this.#outlets = outlets
  }

  emit(first: unknown, second?: unknown, third?: unknown): void {
    if (typeof first === 'string') this.#outlets.of(first).send(second, anchorOf(third as Anchors | undefined))
    else this.#outlets.default.send(first, anchorOf(second as Anchors | undefined))
  }

  emitDirect(task: number, first: unknown, second?: unknown, third?: unknown): void {
    if (typeof first === 'string') this.#outlets.of(first).sendDirect(task, second, anchorOf(third as Anchors | undefined))
    else this.#outlets.default.sendDirect(task, first, anchorOf(second as Anchors | undefined))
  }

  ack(tuple: EdgeTuple): void {
    if (tuple.ack()) this.#outlets.counts.acked++
  }

  fail(tuple: EdgeTuple): void {
    if (tuple.fail()) this.#outlets.counts.failed++
  }

  resetTimeout(tuple: EdgeTuple): void {
    tuple.touch()
  }

  reportError(error: unknown): void {
    this.#outlets.reportError(error)
  }
}

function anchorOf(anchors: Anchors | undefined): Anchor | undefined {
  if (anchors === undefined) return undefined
  return Array.isArray(anchors) ? new Anchored(anchors as EdgeTuple[]) : (anchors as EdgeTuple)
}
