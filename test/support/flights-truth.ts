import { files } from 'moldau/connectors/files'
import type { ValueOf } from '../../core/serde/serde.ts'
import type { flight } from '../../examples/flights/schemas.ts'

export interface Truth {
  rows: number
  delaySum: number
  /** By day `yyyy-MM-dd`: how many flights and the sum of their delays. */
  days: Map<string, { rows: number; delaySum: number }>
  /** By `origin hour-in-ms`: flights more than 15 minutes late, and the sum of their delays. */
  late: Map<string, { n: number; total: number }>
}

/** What the demo must find, computed the plain way from the file itself. */
export async function truthOf(path: string): Promise<Truth> {
  const truth: Truth = { rows: 0, delaySum: 0, days: new Map(), late: new Map() }
  const source = files<ValueOf<typeof flight>>({ path })
  for await (const row of source.rows()) {
    truth.rows++
    truth.delaySum += row.delay
    const day = new Date(row.date).toISOString().slice(0, 10)
    const ofDay = truth.days.get(day) ?? { rows: 0, delaySum: 0 }
    ofDay.rows++
    ofDay.delaySum += row.delay
    truth.days.set(day, ofDay)
    if (row.delay > 15) {
      const key = `${row.origin} ${Math.floor(row.date / 3_600_000) * 3_600_000}`
      const late = truth.late.get(key) ?? { n: 0, total: 0 }
      late.n++
      late.total += row.delay
      truth.late.set(key, late)
    }
  }
  return truth
}
