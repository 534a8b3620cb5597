import { MultiBar, Presets, type SingleBar } from 'cli-progress'
import { formatCount } from './output.ts'

/** One row of progress: `value` of `total` records, at `rate` records/s, with `lag` still to come from the row above. */
export interface ProgressRow {
  name: string
  value: number
  total: number
  rate: number
  lag: number
}

/** Shows rows of progress until closed: bars on a terminal, a line now and then where output goes to a file or a pipe. */
export interface Progress {
  update(rows: readonly ProgressRow[]): void
  close(): void
}

export function progress(): Progress {
  return process.stderr.isTTY ? new Bars() : new Lines()
}

class Bars implements Progress {
  readonly #multi: MultiBar
  readonly #bars: Map<string, SingleBar>

  constructor() {
    const format = '  {name} {bar} {percentage}%  {count} of {all}  {rate}/s  lag {lag}'
    this.#multi = new MultiBar({ format, barsize: 28, hideCursor: true, clearOnComplete: false, fps: 8 }, Presets.shades_classic)
    this.#bars = new Map()
  }

  update(rows: readonly ProgressRow[]): void {
    for (const row of rows) {
      const shown = {
        name: row.name.padEnd(10),
        count: formatCount(row.value),
        all: formatCount(row.total),
        rate: formatCount(Math.round(row.rate)),
        lag: formatCount(row.lag),
      }
      const bar = this.#bars.get(row.name)
      if (bar === undefined) this.#bars.set(row.name, this.#multi.create(row.total, row.value, shown))
      else bar.update(row.value, shown)
    }
  }

  close(): void {
    this.#multi.stop()
  }
}

/** Two seconds between lines: enough to see that it moves, few enough to read a log. */
const lineEveryMs = 2000

class Lines implements Progress {
  #last: number
  #pending: string | undefined

  constructor() {
    this.#last = 0
    this.#pending = undefined
  }

  update(rows: readonly ProgressRow[]): void {
    this.#pending = rows
      .map((row) => {
        const percent = row.total === 0 ? 100 : Math.floor((100 * row.value) / row.total)
        return `${row.name} ${percent}% ${formatCount(row.value)} (${formatCount(Math.round(row.rate))}/s, lag ${formatCount(row.lag)})`
      })
      .join(' | ')
    if (Date.now() - this.#last >= lineEveryMs) this.#print()
  }

  close(): void {
    this.#print()
  }

  #print(): void {
    if (this.#pending === undefined) return
    process.stderr.write(`${this.#pending}\n`)
    this.#pending = undefined
    this.#last = Date.now()
  }
}
