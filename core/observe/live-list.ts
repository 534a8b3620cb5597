import { Observable, type TeardownLogic } from 'rxjs'
import type { Broker } from '../broker/broker.ts'

export interface ListSource<T> {
  ids(): string[]
  /** Undefined: there is none any more. Throws when it cannot be told now. */
  find(id: string): T | undefined
  /** Calls `changed` for each id that may have come, gone or changed. */
  watch(changed: (id: string) => void): TeardownLogic
  /** Default: all fields are the same values. */
  readonly isSame?: (a: T, b: T) => boolean
}

/** A coordinator that reads its log cannot tell: it is asked again after so long, in milliseconds. */
const RETRY_MS = 100

/**
 * A list as it is at subscription, then as it is after each change, until the broker is closed. Only what was said to have changed is
 * looked at again, at the end of the tick, and only a difference is told: a thousand changes in one tick cost one emission.
 */
export function liveList<T extends object>(broker: Broker, source: ListSource<T>): Observable<readonly T[]> {
  return new Observable((subscriber) => {
    if (broker.isClosed) return subscriber.complete()
    const items = new Map<string, T>()
    const changed = new Set<string>()
    let tick: NodeJS.Immediate | undefined
    let retry: NodeJS.Timeout | undefined
    const tell = (): void => {
      clearImmediate(tick)
      clearTimeout(retry)
      tick = retry = undefined
      const before = [...items.values()]
      for (const id of changed) if (look(source, id, items)) changed.delete(id)
      const now = [...items.values()]
      if (changed.size > 0) retry = setTimeout(tell, RETRY_MS)
      if (now.length !== before.length || now.some((item, i) => item !== before[i])) subscriber.next(now)
    }
    subscriber.add(
      source.watch((id) => {
        changed.add(id)
        tick ??= setImmediate(tell)
      }),
    )
    subscriber.add(() => {
      clearImmediate(tick)
      clearTimeout(retry)
    })
    // What is closing cannot be looked at for long.
    subscriber.add(broker.events.on('closing', tell))
    subscriber.add(
      broker.events.on('closed', () => {
        tell()
        subscriber.complete()
      }),
    )
    for (const id of source.ids()) if (!look(source, id, items)) changed.add(id)
    if (changed.size > 0) retry = setTimeout(tell, RETRY_MS)
    subscriber.next([...items.values()])
  })
}

/** Takes an item as it is now into the list, which keeps the object of one that is as it was. False: it cannot be told now. */
function look<T extends object>(source: ListSource<T>, id: string, items: Map<string, T>): boolean {
  let item: T | undefined
  try {
    item = source.find(id)
  } catch {
    // A coordinator that reads its log, or has stopped.
    return false
  }
  const known = items.get(id)
  if (item === undefined) items.delete(id)
  else if (known === undefined || !(source.isSame ?? isSame)(known, item)) items.set(id, item)
  return true
}

function isSame<T extends object>(a: T, b: T): boolean {
  return (Object.keys(a) as (keyof T)[]).every((key) => a[key] === b[key])
}
