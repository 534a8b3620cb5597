import { Latencies } from './latencies.ts'
import type { RawConnection } from './raw-connection.ts'

/** Requests up to this size are laid side by side, so that several leave in one piece. */
const SIDE_BY_SIDE_BYTES_MAX = 64 * 1024

export interface Limits {
  /** The round ends after so long, or after so many requests, whichever comes first. */
  readonly seconds: number
  readonly requests: number
}

export interface Loop {
  readonly connection: RawConnection
  /** What is sent again and again. */
  readonly frame: Buffer
  /** Requests on their way at the same time. */
  readonly inFlight: number
  /** Throws when the answer is not a good one. */
  readonly check: (head: Buffer) => void
}

export interface LoopResult {
  requests: number
  seconds: number
  latencies: Latencies
}

/** Each connection sends its next request when an answer has come, until the limits are reached; then everything is waited for. */
export function closedLoops(loops: readonly Loop[], limits: Limits): Promise<LoopResult> {
  const latencies = new Latencies()
  const started = performance.now()
  const end = started + limits.seconds * 1000
  let left = limits.requests
  let answered = 0
  let running = loops.length
  return new Promise((resolve, reject) => {
    for (const { connection, frame, inFlight, check } of loops) {
      const block = frame.length <= SIDE_BY_SIDE_BYTES_MAX ? Buffer.concat(Array.from({ length: inFlight }, () => frame)) : undefined
      const sentAt = new Float64Array(inFlight)
      let first = 0
      let waiting = 0
      const send = (now: number): void => {
        const count = now >= end ? 0 : Math.min(inFlight - waiting, left)
        if (count === 0) return
        left -= count
        for (let i = 0; i < count; i++) sentAt[(first + waiting + i) % inFlight] = now
        waiting += count
        if (block === undefined) connection.writeTimes(frame, count)
        else connection.write(block.subarray(0, count * frame.length))
      }
      connection.onLost = reject
      connection.onAnswer = (head) => {
        try {
          check(head)
        } catch (error) {
          reject(error as Error)
        }
        latencies.add(performance.now() - sentAt[first]!)
        first = (first + 1) % inFlight
        waiting--
        answered++
      }
      connection.onRead = () => {
        send(performance.now())
        if (waiting === 0 && --running === 0) resolve({ requests: answered, seconds: (performance.now() - started) / 1000, latencies })
      }
      send(started)
      if (waiting === 0) running--
    }
  })
}
