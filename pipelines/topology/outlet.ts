import { MoldauError } from '../../core/base/errors.ts'
import type { Choice } from './groupings.ts'
import type { EdgeIds } from './ids.ts'
import type { Counts } from './metrics.ts'
import { type Anchor, EdgeTuple, type Emitter, type Target } from './tuple.ts'

/** A subscriber of a stream, as one of the tasks that emit sees it. */
export interface Route {
  readonly choice: Choice
  readonly targets: readonly Target[]
}

/** Where the tuples of one stream of one task go out. */
export class Outlet {
  readonly #emitter: Emitter
  readonly #ids: EdgeIds
  readonly #counts: Counts
  /** What `emitDirect` reaches, by the numbers of the tasks. */
  readonly #direct: ReadonlyMap<number, Target>
  readonly #routes: readonly Route[]

  constructor(emitter: Emitter, routes: readonly Route[], direct: ReadonlyMap<number, Target>, ids: EdgeIds, counts: Counts) {
    this.#emitter = emitter
    this.#routes = routes.filter(({ choice }) => choice.kind !== 'direct')
    this.#direct = direct
    this.#ids = ids
    this.#counts = counts
  }

  send(values: unknown, anchor: Anchor | undefined): void {
    this.#counts.emitted++
    const routes = this.#routes
    for (let i = 0; i < routes.length; i++) {
      const { choice, targets } = routes[i]!
      if (choice.kind === 'one') this.#deliver(values, targets[(choice.choose as (of: unknown) => number)(values)]!, anchor)
      else if (choice.kind === 'all') for (const target of targets) this.#deliver(values, target, anchor)
      else if (choice.kind === 'several') {
        for (const task of (choice.choose as (of: unknown) => readonly number[])(values)) this.#deliver(values, targets[task]!, anchor)
      }
    }
  }

  sendDirect(task: number, values: unknown, anchor: Anchor | undefined): void {
    const target = this.#direct.get(task)
    if (target === undefined) {
      const { component, stream } = this.#emitter
      throw new MoldauError(
        'INVALID_ARGUMENT',
        `emitDirect of '${component}': task ${task} has not subscribed to its stream '${stream}' with direct(…)`,
      )
    }
    this.#counts.emitted++
    this.#deliver(values, target, anchor)
  }

  #deliver(values: unknown, target: Target, anchor: Anchor | undefined): void {
    const tuple = new EdgeTuple(values, this.#emitter, target)
    if (anchor !== undefined) anchor.tie(tuple, this.#ids)
    this.#counts.transferred++
    target.offer(tuple)
  }
}
