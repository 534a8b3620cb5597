import { Observable } from 'rxjs'
import type { EventHub } from '../base/event-hub.ts'
import type { Failure } from '../client/client-events.ts'
import type { ObservedError } from './polled.ts'

interface Teller {
  readonly closed: boolean
  readonly events: EventHub<{ error: Failure; closed: object }>
}

/** Emits once, when a producer or consumer is closed; at once when it is. */
export function closedEvent(of: { readonly closed: boolean; readonly events: unknown }): Observable<void> {
  const { events } = of as Teller
  return new Observable((subscriber) => {
    const end = (): void => {
      subscriber.next()
      subscriber.complete()
    }
    if (of.closed) return end()
    subscriber.add(events.on('closed', end))
  })
}

/** What goes wrong from now on. */
export function failuresOf(of: { readonly events: unknown }): Observable<ObservedError> {
  return new Observable((subscriber) => {
    subscriber.add((of as Teller).events.on('error', (failure) => subscriber.next(failure)))
  })
}
