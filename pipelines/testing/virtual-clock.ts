import { ManualClock, systemClock, type Timer } from '../../core/base/clock.ts'

/**
 * Time that stands still until it is moved. What an operator waits for inside an epoch (a time-out, the pause before another attempt)
 * also ends when as much real time has gone by: nobody could move the clock while the epoch waits.
 */
export class VirtualClock extends ManualClock {
  override after(ms: number, run: () => void): Timer {
    const cancel = (): void => {
      virtual.cancel()
      real.cancel()
    }
    const fire = (): void => {
      cancel()
      run()
    }
    const virtual = super.after(ms, fire)
    const real = systemClock.after(ms, fire)
    return { cancel }
  }
}
