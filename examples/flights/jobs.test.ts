/** The real-time job, tested without a broker: `node --conditions=moldau-source --test examples/flights/jobs.test.ts`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { marbles, sameUnderAnyEpochSize, testPipeline } from 'moldau/pipelines/testing'
import { delays, delaysHourly, flights } from './jobs.ts'

const start = Date.UTC(2001, 0, 1, 8)
const flight = (origin: string, delay: number) => ({
  key: origin,
  value: { date: start, origin, destination: 'SFO', distance: 2586, delay },
})
const values = { a: flight('JFK', 20), b: flight('JFK', 40), c: flight('BOS', 16), x: flight('JFK', 15) }

test('flights more than 15 minutes late are counted by origin and hour, when the hour is over', async () => {
  const kit = testPipeline(delays, { start, frame: '10m' })
  await kit.pipe(flights, 'a-b-x-', values)
  assert.deepEqual(kit.read(delaysHourly), [])
  // The hour is over when time has come ten minutes beyond it.
  await kit.pipe(flights, '70m a', values)
  assert.deepEqual(kit.read(delaysHourly), [
    { key: 'JFK', value: { origin: 'JFK', hour: start, n: 2, mean: 30 }, timestamp: start + 3_599_999 },
  ])
})

test('a flight that comes within ten minutes is counted, a later one is not', async () => {
  const kit = testPipeline(delays, { start, frame: '10m' })
  await kit.pipe(flights, 'a @65m c @50m a @70m c @50m a |', values)
  const [hour] = kit.read(delaysHourly)
  assert.deepEqual(hour?.value, { origin: 'JFK', hour: start, n: 2, mean: 20 })
  assert.equal(kit.metrics.late, 1)
})

test('a crash changes nothing', async () => {
  const undisturbed = testPipeline(delays, { start, frame: '10m' })
  await undisturbed.pipe(flights, 'ab-c 1h a-b|', values)
  const crashing = testPipeline(delays, { start, frame: '10m' })
  await crashing.pipe(flights, 'ab-c# 1h a#b|', values)
  assert.deepEqual(crashing.written(), undisturbed.written())
})

test('nor does anything else that may happen to an epoch', async () => {
  const input = marbles(flights, '(ab)c 1h (ca)x 2h (abc)|', values)
  await sameUnderAnyEpochSize(delays, (kit) => kit.pipe(input), { start, frame: '10m' })
})
