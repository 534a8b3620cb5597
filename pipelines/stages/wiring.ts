import type { Outlet } from '../plan.ts'
import type { Emit } from './stage.ts'

/** Who takes what comes out where: filled from the ends of a task towards its inputs. */
export class Wiring {
  readonly #takers = new Map<Outlet['from'], Emit[][]>()

  connect(outlets: readonly Outlet[], emit: Emit): void {
    for (const { from, port } of outlets) {
      let ports = this.#takers.get(from)
      if (ports === undefined) this.#takers.set(from, (ports = []))
      ;(ports[port] ??= []).unshift(emit)
    }
  }

  /** Gives an item to all that take from there: in the order of the declaration. Nobody may: of a branch that leads nowhere. */
  emit(from: Outlet['from'], port: number): Emit {
    const takers = this.#takers.get(from)?.[port] ?? []
    const [first, second, ...others] = takers
    if (first === undefined) return () => undefined
    if (second === undefined) return first
    if (others.length === 0) {
      return (item, origin) => {
        first(item, origin)
        second(item, origin)
      }
    }
    return (item, origin) => {
      for (const taker of takers) taker(item, origin)
    }
  }
}
