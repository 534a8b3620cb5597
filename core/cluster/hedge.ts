import type { Clock, Timer } from '../base/clock.ts'

/**
 * Runs `attempt`, and once more beside it whenever none has answered for `patienceMs`, `most` times in all. The first success counts;
 * when all that have begun have failed, the last error does. For questions that anybody can answer: who hangs costs the patience only.
 */
export function hedge<T>(clock: Clock, patienceMs: number, most: number, attempt: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let begun = 0
    let failed = 0
    let timer: Timer | undefined
    const begin = (): void => {
      begun++
      timer = begun < most ? clock.after(patienceMs, begin) : undefined
      attempt().then(
        (value) => {
          timer?.cancel()
          resolve(value)
        },
        (error: unknown) => {
          if (++failed < begun) return
          timer?.cancel()
          reject(error as Error)
        },
      )
    }
    begin()
  })
}
