import avsc from 'avsc'
import { BatchBuilder } from '../core/record/builder.ts'
import { decodeBatch } from '../core/record/columns.ts'
import { avro } from '../core/serde/avro.ts'
import { type BenchRow, median } from './row.ts'

/** How fast records become bytes and bytes become records. CPU-seconds, not wall time: the machine may be busy. */

const ROUNDS = 7
const RECORDS = 200_000
/** A producer's batch of 16 KiB. */
const RECORDS_PER_BATCH = 140
const RECORD_BYTES = 100

interface Work {
  row: string
  target: number | null
  ours: () => number
  peer: (() => number) | null
}

/** Rounds of all works in turn, so that a busy moment hurts all alike. */
export async function rows(): Promise<BenchRow[]> {
  const works = [...batchWorks(), ...avroWorks()]
  const measured = works.map(() => ({ ours: [] as number[], peer: [] as number[] }))
  let sink = 0
  for (let round = -1; round < ROUNDS; round++) {
    for (const [i, work] of works.entries()) {
      const ours = cpuSeconds(() => (sink += work.ours()))
      const peer = work.peer
      const theirs = peer === null ? null : cpuSeconds(() => (sink += peer()))
      if (round < 0) continue // the first round warms up
      measured[i]?.ours.push(ours)
      if (theirs !== null) measured[i]?.peer.push(theirs)
    }
    // Let timers and the collector have their turn between the rounds.
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (Number.isNaN(sink)) throw new Error('the work was optimised away')
  return works.map((work, i) => toRow(work, measured[i]?.ours ?? [], measured[i]?.peer ?? []))
}

function toRow(work: Work, ours: readonly number[], peers: readonly number[]): BenchRow {
  const perMillion = 1_000_000 / RECORDS
  const own = median(ours) * perMillion
  const peer = work.peer === null ? null : median(peers) * perMillion
  return {
    row: work.row,
    unit: 'CPU-s per M records',
    ours: own,
    peer,
    ratio: peer === null ? null : own / peer,
    target: work.target,
    better: 'lower',
  }
}

function batchWorks(): Work[] {
  const value = Buffer.alloc(RECORD_BYTES, 'x')
  const key = Buffer.from('key-12345')
  const builder = new BatchBuilder({ sizeHint: 32 * 1024 })

  function encode(): Buffer {
    builder.reset()
    for (let i = 0; i < RECORDS_PER_BATCH; i++) builder.append(1_700_000_000_000 + i, key, value)
    return builder.build()
  }

  const batch = Buffer.from(encode())
  return [
    {
      row: `record batch: encode ${RECORD_BYTES} B records, 16 KiB batches`,
      target: 0.1,
      ours: () => inBatches(() => encode().length),
      peer: null,
    },
    { row: `record batch: decode to columns`, target: 0.06, ours: () => inBatches(() => decodeBatch(batch, 0).count), peer: null },
    {
      row: `record batch: decode and take every value`,
      target: 0.2,
      ours: () =>
        inBatches(() => {
          const columns = decodeBatch(batch, 0)
          let bytes = 0
          for (let i = 0; i < columns.count; i++) bytes += columns.value(i)?.length ?? 0
          return bytes
        }),
      peer: null,
    },
  ]
}

function inBatches(run: () => number): number {
  let sum = 0
  for (let done = 0; done < RECORDS; done += RECORDS_PER_BATCH) sum += run()
  return sum
}

function avroWorks(): Work[] {
  const schema = {
    type: 'record',
    name: 'Flight',
    fields: [
      { name: 'origin', type: 'string' },
      { name: 'destination', type: 'string' },
      { name: 'at', type: 'long' },
      { name: 'delay', type: 'int' },
      { name: 'distance', type: 'double' },
      { name: 'gate', type: ['null', 'string'] },
      { name: 'carrier', type: { type: 'enum', name: 'Carrier', symbols: ['OK', 'LH', 'AF'] } },
      { name: 'remark', type: 'string' },
    ],
  } as const
  const serde = avro(schema)
  const raw = avsc.Type.forSchema(schema as never)
  const value = {
    origin: 'PRG',
    destination: 'FRA',
    at: 1_700_000_000_000,
    delay: 17,
    distance: 409.5,
    gate: 'C12',
    carrier: 'LH' as const,
    remark: 'waiting for connecting passengers from a late arrival',
  }
  const bytes = serde.serialize(value)
  const batch = Buffer.concat(Array.from({ length: 100 }, () => bytes))
  const size = bytes.length
  return [
    {
      row: `avro: encode ${size} B values (peer: avsc toBuffer)`,
      target: null,
      ours: () => repeat(() => serde.serialize(value).length),
      peer: () => repeat(() => raw.toBuffer(value).length),
    },
    {
      row: `avro: decode ${size} B values in place (peer: avsc fromBuffer)`,
      target: null,
      ours: () => repeat((i) => serde.deserialize(batch, (i % 100) * size, ((i % 100) + 1) * size).delay),
      peer: () => repeat((i) => (raw.fromBuffer(batch.subarray((i % 100) * size, ((i % 100) + 1) * size)) as { delay: number }).delay),
    },
  ]
}

function repeat(run: (i: number) => number): number {
  let sum = 0
  for (let i = 0; i < RECORDS; i++) sum += run(i)
  return sum
}

function cpuSeconds(run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}
