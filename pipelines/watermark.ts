import { MoldauError } from '../core/base/errors.ts'

/** No time seen yet. Event times are never negative. */
export const NO_TIME = -1
/** Kafka's limit of the metadata of a committed offset (`offset.metadata.max.bytes`). */
const METADATA_BYTES_MAX = 4096

/**
 * How far event time has come in a task: the minimum over its channels (input partitions, or the upstream tasks of a repartition
 * topic) of the maximum seen on each. A channel that is idle does not hold it back. It never goes back.
 */
export class Watermarks {
  readonly #times: Float64Array
  readonly #idle: Uint8Array
  /** The channel that holds the minimum; only when it moves is the minimum looked for again. */
  #slowest: number
  #current: number

  constructor(channels: number) {
    this.#times = new Float64Array(channels).fill(NO_TIME)
    this.#idle = new Uint8Array(channels)
    this.#slowest = 0
    this.#current = NO_TIME
  }

  get current(): number {
    return this.#current
  }

  /** True when every channel is idle: a task whose own output must not hold others back. */
  get idle(): boolean {
    return this.#idle.every((idle) => idle === 1)
  }

  observe(channel: number, timestamp: number): void {
    const revived = this.#idle[channel] === 1
    if (revived) this.#idle[channel] = 0
    if (timestamp > this.#times[channel]!) {
      this.#times[channel] = timestamp
      if (channel === this.#slowest || revived) this.#advance()
    }
  }

  setIdle(channel: number): void {
    if (this.#idle[channel] === 1) return
    this.#idle[channel] = 1
    this.#advance()
  }

  isIdle(channel: number): boolean {
    return this.#idle[channel] === 1
  }

  /** All there is to know, for {@link Watermarks.restore}: small, since channels are few. */
  snapshot(): { times: Float64Array; idle: Uint8Array; current: number } {
    return { times: this.#times.slice(), idle: this.#idle.slice(), current: this.#current }
  }

  restore(snapshot: { times: Float64Array; idle: Uint8Array; current: number }): void {
    this.#times.set(snapshot.times)
    this.#idle.set(snapshot.idle)
    this.#current = snapshot.current
    this.#slowest = this.#findSlowest()
  }

  /**
   * The channels `[from, to)` as metadata of a committed offset: base-36 times, `I` idle.
   *
   * @throws PIPELINE_INVALID beyond what Kafka keeps
   */
  encode(from: number, to: number): string {
    const parts: string[] = [this.#current === NO_TIME ? '' : this.#current.toString(36)]
    for (let channel = from; channel < to; channel++) {
      const time = this.#times[channel]!
      parts.push((time === NO_TIME ? '' : time.toString(36)) + (this.#idle[channel] === 1 ? 'I' : ''))
    }
    const text = `w1:${parts.join(',')}`
    if (text.length <= METADATA_BYTES_MAX) return text
    throw new MoldauError(
      'PIPELINE_INVALID',
      `the watermarks of ${to - from} upstream tasks do not fit the metadata of an offset; use fewer partitions`,
    )
  }

  /** Takes what {@link Watermarks.encode} wrote; anything else (another tool's metadata) counts as nothing known. */
  decode(metadata: string, from: number, to: number): void {
    if (!metadata.startsWith('w1:')) return
    const [current, ...channels] = metadata.slice(3).split(',')
    // Another number of upstream tasks: what was saved says nothing about who they are now.
    if (channels.length !== to - from) return
    channels.forEach((text, i) => {
      const match = /^([0-9a-z]*)(I?)$/.exec(text)
      if (match === null) return
      this.#times[from + i] = match[1] === '' ? NO_TIME : parseInt(match[1]!, 36)
      this.#idle[from + i] = match[2] === 'I' ? 1 : 0
    })
    this.#slowest = this.#findSlowest()
    if (current !== '' && current !== undefined) this.#current = Math.max(this.#current, parseInt(current, 36))
  }

  #advance(): void {
    this.#slowest = this.#findSlowest()
    // When none is live, nobody is waited for: the same as if all but the furthest had fallen silent one after the other.
    const time = this.#idle[this.#slowest] === 0 ? this.#times[this.#slowest]! : Math.max(...this.#times)
    this.#current = Math.max(this.#current, time)
  }

  #findSlowest(): number {
    let slowest = 0
    let found = false
    for (let channel = 0; channel < this.#times.length; channel++) {
      if (this.#idle[channel] === 1) continue
      if (!found || this.#times[channel]! < this.#times[slowest]!) slowest = channel
      found = true
    }
    return slowest
  }
}
