import type { Metric } from '../metrics/metric.ts'
import type { Point } from './otlp.ts'

const PREFIX = 'org.apache.kafka'

/** A metric's name in telemetry: `producer-metrics`, `record-send-total` is `org.apache.kafka.producer.record.send.total` (KIP-714). */
export function telemetryName(group: string, name: string): string {
  return `${PREFIX}.${group.replace(/-metrics$/, '')}.${name}`.replaceAll('-', '.')
}

/** What a subscription asks for: prefixes of names, `*` alone for all, nothing for none. */
export function isWanted(name: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => prefix === '*' || name.startsWith(prefix))
}

interface Told {
  value: number
  at: number
}

/** Turns metrics into points, and remembers what was told of sums: under delta temporality each is told by how much it grew. */
export class PointMaker {
  readonly #startedAt: number
  #told: Map<string, Told>
  #next: Map<string, Told>
  #isDelta: boolean

  /** @param now milliseconds since 1970 */
  constructor(now: number) {
    this.#startedAt = now
    this.#told = new Map()
    this.#next = new Map()
    this.#isDelta = true
  }

  /** What is told of the metrics that `prefixes` ask for. Counts as told only after {@link PointMaker.accept}. */
  make(metrics: Iterable<Metric>, prefixes: readonly string[], isDelta: boolean, now: number): Point[] {
    if (isDelta !== this.#isDelta) this.#told = new Map()
    this.#isDelta = isDelta
    this.#next = new Map()
    const points: Point[] = []
    for (const { name, group, tags, kind, value } of metrics) {
      const full = telemetryName(group, name)
      // NaN says that there was nothing: so does silence.
      if (!Number.isFinite(value) || !isWanted(full, prefixes)) {
        if (kind === 'counter') this.#keep(full, attributesOf(tags))
        continue
      }
      const attributes = attributesOf(tags)
      const point = { name: full, attributes, value, since: this.#startedAt, at: now }
      points.push(kind === 'gauge' ? { ...point, kind } : this.#sum(point, isDelta))
    }
    return points.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  }

  /** The broker has taken what {@link PointMaker.make} made last. */
  accept(): void {
    this.#told = this.#next
  }

  /** What is not asked for now may be again: what was told of it stays told, as long as there is such a metric. */
  #keep(name: string, attributes: Readonly<Record<string, string>>): void {
    const key = keyOf(name, attributes)
    const told = this.#told.get(key)
    if (told !== undefined) this.#next.set(key, told)
  }

  #sum(point: Omit<Point, 'kind'>, isDelta: boolean): Point {
    const sum = { ...point, kind: 'sum' as const }
    if (!isDelta) return sum
    const key = keyOf(point.name, point.attributes)
    const before = this.#told.get(key)
    this.#next.set(key, { value: point.value, at: point.at })
    return before === undefined ? sum : { ...sum, value: Math.max(0, point.value - before.value), since: before.at }
  }
}

function keyOf(name: string, attributes: Readonly<Record<string, string>>): string {
  return JSON.stringify([name, attributes])
}

/** As Java's clients name them. `client-id` is left in: a client of ours sends for several producers and consumers, which it tells apart. */
function attributesOf(tags: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(tags).map(([name, value]) => [name.replaceAll('-', '_'), value]))
}
