/** How far back rates look: Kafka's `quota.window.num` samples of `quota.window.size.seconds`. */
export interface RateWindow {
  readonly samples: number
  readonly sampleMs: number
}

interface Sample {
  readonly startMs: number
  value: number
}

/** The longest silence in milliseconds, 24 days: an answer cannot tell of a longer one, nor does a timer wait for it. */
const SILENCE_MAX_MS = 0x7fff_ffff

/** A rate over the last samples, of which the newest is still growing: Kafka's `Rate` with a `SampledStat`. */
export class Rate {
  readonly #window: RateWindow
  readonly #samples: Sample[]

  constructor(window: RateWindow) {
    this.#window = window
    this.#samples = []
  }

  record(value: number, nowMs: number): void {
    this.#purge(nowMs)
    const newest = this.#samples.at(-1)
    if (newest === undefined || nowMs - newest.startMs >= this.#window.sampleMs) {
      if (this.#samples.length === this.#window.samples) this.#samples.shift()
      this.#samples.push({ startMs: nowMs, value })
    } else newest.value += value
  }

  /** Per second. */
  at(nowMs: number): number {
    this.#purge(nowMs)
    let total = 0
    for (const { value } of this.#samples) total += value
    return (total / this.spanMs(nowMs)) * 1000
  }

  /** What the total is divided by: a rate that has just begun is taken as if it had been silent before. */
  spanMs(nowMs: number): number {
    const { samples, sampleMs } = this.#window
    const elapsed = nowMs - (this.#samples[0]?.startMs ?? nowMs)
    const whole = Math.floor(elapsed / sampleMs)
    return Math.max(1, elapsed + Math.max(0, samples - 1 - whole) * sampleMs)
  }

  /** How long nothing more may come until the rate is down to the limit; 0 when it is not above it. Milliseconds. */
  excessMs(limit: number, nowMs: number): number {
    const rate = this.at(nowMs)
    return rate <= limit ? 0 : Math.min(SILENCE_MAX_MS, Math.round(((rate - limit) / limit) * this.spanMs(nowMs)))
  }

  #purge(nowMs: number): void {
    const oldest = nowMs - this.#window.samples * this.#window.sampleMs
    while (this.#samples.length > 0 && this.#samples[0]!.startMs <= oldest) this.#samples.shift()
  }
}

/** Tokens that come in at a rate, up to what a whole window brings: Kafka's `TokenBucket` (KIP-599). It may be overdrawn once. */
export class TokenBucket {
  readonly #window: RateWindow
  #tokens: number | undefined
  #lastMs: number

  constructor(window: RateWindow) {
    this.#window = window
    this.#tokens = undefined
    this.#lastMs = 0
  }

  /** True when there is none left; what is taken then would have to wait. */
  isEmpty(limit: number, nowMs: number): boolean {
    return this.#refill(limit, nowMs) < 0
  }

  take(count: number, limit: number, nowMs: number): void {
    this.#tokens = this.#refill(limit, nowMs) - count
  }

  /** How long until there are tokens again; milliseconds. */
  excessMs(limit: number, nowMs: number): number {
    return Math.min(SILENCE_MAX_MS, Math.max(0, Math.round((-this.#refill(limit, nowMs) / limit) * 1000)))
  }

  #refill(limit: number, nowMs: number): number {
    const burst = (limit * this.#window.samples * this.#window.sampleMs) / 1000
    this.#tokens = this.#tokens === undefined ? burst : Math.min(burst, this.#tokens + ((nowMs - this.#lastMs) * limit) / 1000)
    this.#lastMs = nowMs
    return this.#tokens
  }
}
