type Listener<T> = (event: T) => void

/** Hands events to whoever listens, at once. A listener that throws is the listener's loss, not that of the one who tells. */
export class EventHub<Events> {
  readonly #listeners: Map<keyof Events, Set<Listener<never>>>

  constructor() {
    this.#listeners = new Map()
  }

  /** Answers a function that ends the subscription. */
  on<K extends keyof Events>(type: K, listener: Listener<Events[K]>): () => void {
    let listeners = this.#listeners.get(type)
    if (listeners === undefined) this.#listeners.set(type, (listeners = new Set()))
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }

  emit<K extends keyof Events>(type: K, event: Events[K]): void {
    for (const listener of this.#listeners.get(type) ?? []) {
      try {
        ;(listener as Listener<Events[K]>)(event)
      } catch {
        // What a listener does with an event must not stop the one who tells.
      }
    }
  }
}
