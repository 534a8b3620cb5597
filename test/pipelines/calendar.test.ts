import test from 'ava'
import fc from 'fast-check'
import { calendarPlaces, type CalendarUnit } from '../../pipelines/windows/calendar.ts'
import { type OffsetAt, zoneOffsets } from '../../pipelines/windows/zone.ts'

const HOUR = 3_600_000
const iso = (time: number): string => new Date(time).toISOString().slice(0, 16)
/** Where the window begins and ends that a time falls into. */
const span = (unit: CalendarUnit, zone: string | OffsetAt, time: string): [string, string] => {
  const { first, end } = calendarPlaces(unit, typeof zone === 'string' ? zoneOffsets(zone) : zone)
  const start = first(Date.parse(`${time}Z`))
  return [iso(start), iso(end(start))]
}

/** Unit, zone, a time in UTC, and the window in UTC. */
const windows: [CalendarUnit, string, string, [string, string]][] = [
  ['day', 'UTC', '2026-11-26T12:00', ['2026-11-26T00:00', '2026-11-27T00:00']],
  ['day', 'Europe/Prague', '2026-11-26T22:59', ['2026-11-25T23:00', '2026-11-26T23:00']],
  // Clocks are put forward: 23 hours. Back: 25 hours.
  ['day', 'Europe/Prague', '2026-03-29T12:00', ['2026-03-28T23:00', '2026-03-29T22:00']],
  ['day', 'Europe/Prague', '2026-10-25T12:00', ['2026-10-24T22:00', '2026-10-25T23:00']],
  ['week', 'Europe/Prague', '2026-03-29T21:59', ['2026-03-22T23:00', '2026-03-29T22:00']],
  ['week', 'UTC', '1970-01-01T00:00', ['1969-12-29T00:00', '1970-01-05T00:00']],
  ['week', 'UTC', '2027-01-03T23:59', ['2026-12-28T00:00', '2027-01-04T00:00']],
  ['month', 'Europe/Prague', '2026-03-15T00:00', ['2026-02-28T23:00', '2026-03-31T22:00']],
  ['month', 'UTC', '2028-02-29T12:00', ['2028-02-01T00:00', '2028-03-01T00:00']],
  ['year', 'America/New_York', '2026-01-01T04:59', ['2025-01-01T05:00', '2026-01-01T05:00']],
  // Midnight does not exist: the day begins at one. It comes twice: it begins with the first.
  ['day', 'America/Sao_Paulo', '2018-11-04T12:00', ['2018-11-04T03:00', '2018-11-05T02:00']],
  ['day', 'America/Havana', '2026-11-01T12:00', ['2026-11-01T04:00', '2026-11-02T05:00']],
  // At 00:01 clocks went back to 23:01 of the day before: the new day had begun.
  ['day', 'America/St_Johns', '2010-11-07T03:00', ['2010-11-07T02:30', '2010-11-08T03:30']],
  // Samoa left 30 December 2011 out: the window that it would have been is empty, and the 29th ends where the 31st begins.
  ['day', 'Pacific/Apia', '2011-12-30T09:00', ['2011-12-29T10:00', '2011-12-30T10:00']],
  ['day', 'Pacific/Apia', '2011-12-30T10:00', ['2011-12-30T10:00', '2011-12-31T10:00']],
  ['day', 'Asia/Kathmandu', '2026-06-01T00:00', ['2026-05-31T18:15', '2026-06-01T18:15']],
]

for (const [unit, zone, time, expected] of windows) {
  test(`the ${unit} of ${time} in ${zone} goes from ${expected[0]} to ${expected[1]}`, (t) => {
    t.deepEqual(span(unit, zone, time), expected)
  })
}

test('windows of every zone and unit follow one another without gap, and begin when the clocks first show it', (t) => {
  const zones = ['UTC', 'Europe/Prague', 'America/New_York', 'America/Havana', 'America/St_Johns', 'Pacific/Apia', 'Australia/Lord_Howe']
  const units: CalendarUnit[] = ['day', 'week', 'month', 'year']
  const times = fc.integer({ min: Date.UTC(1975, 0, 1), max: Date.UTC(2040, 0, 1) })
  fc.assert(
    fc.property(fc.constantFrom(...zones), fc.constantFrom(...units), times, (zone, unit, time) => {
      const offsetAt = zoneOffsets(zone)
      const places = calendarPlaces(unit, offsetAt)
      const start = places.first(time)
      const end = places.end(start)
      t.true(start <= time && time < end)
      t.is(places.first(end - 1), start)
      t.is(places.first(end), end)
      t.is(places.end(places.first(start - 1)), start)
      t.is(places.endedBy(end), end - 1)
      t.true(places.endedBy(end - 1) < start)
      const shown = new Date(start + offsetAt(start))
      // At the beginning the clocks show midnight, or the hour to which they were put forward over it.
      t.true(shown.getUTCHours() <= 1, `${zone} ${unit} ${shown.toISOString()}`)
      if (unit === 'week') t.is(shown.getUTCDay(), 1)
      if (unit === 'month' || unit === 'year') t.is(shown.getUTCDate(), 1)
      if (unit === 'year') t.is(shown.getUTCMonth(), 0)
    }),
    { numRuns: 2000 },
  )
})

test('the rules of a zone are those that are given: clocks that go back from 00:30 to 23:00', (t) => {
  const changed = Date.UTC(2000, 5, 10, 0, 30)
  const rules: OffsetAt = (time) => (time < changed ? 0 : -1.5 * HOUR)
  t.deepEqual(span('day', rules, '2000-06-10T00:10'), ['2000-06-10T00:00', '2000-06-11T01:30'])
  t.deepEqual(span('day', rules, '2000-06-10T00:40'), ['2000-06-10T00:00', '2000-06-11T01:30'])
  t.deepEqual(span('day', rules, '2000-06-09T12:00'), ['2000-06-09T00:00', '2000-06-10T00:00'])
})
