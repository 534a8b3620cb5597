import { Sensor } from '../../base/sensor.ts'
import { gauge, spread } from './metric.ts'

/** How a program polls: how often, and what part of its time it spends waiting for records. */
export class PollStats {
  readonly between: Sensor
  readonly idle: Sensor
  #beganAt: number
  #endedAt: number

  constructor(now: number) {
    this.between = new Sensor(now)
    this.idle = new Sensor(now)
    this.#beganAt = -1
    this.#endedAt = -1
  }

  begins(now: number): void {
    if (this.#beganAt >= 0) {
      const since = now - this.#beganAt
      this.between.record(since, now)
      this.idle.record(since === 0 ? 1 : (this.#endedAt - this.#beganAt) / since, now)
    }
    this.#beganAt = now
  }

  ends(now: number): void {
    this.#endedAt = now
  }

  secondsAgo(now: number): number {
    return this.#beganAt < 0 ? -1 : Math.floor((now - this.#beganAt) / 1000)
  }
}

export const pollTable = {
  ...spread('time-between-poll', 'time from one poll to the next, in milliseconds', (s: PollStats) => s.between),
  'last-poll-seconds-ago': gauge('seconds since the last poll, -1 before the first', (s: PollStats, now) => s.secondsAgo(now)),
  'poll-idle-ratio-avg': gauge('part of its time that the program waits in poll(), on average', (s: PollStats, now) => s.idle.average(now)),
}
export type PollMetricName = keyof typeof pollTable
