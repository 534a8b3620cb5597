import { validate } from '../core/log/validate.ts'
import { logConfigDefaults } from '../core/log/config.ts'
import { checkBatch } from '../core/record/batch.ts'
import { BatchBuilder } from '../core/record/builder.ts'
import { type CompressionName, compressionNames } from '../core/record/compression-names.ts'
import { type BenchRow, median } from './row.ts'

/** What a look at every record costs an append: the whole validation, and as the peer the checksum alone. */

const ROUNDS = 9
const BYTES_PER_ROUND = 64 * 1024 * 1024

interface Shape {
  readonly name: string
  readonly records: number
  readonly bytes: number
  readonly compression: CompressionName
}

const shapes: Shape[] = [
  { name: '1 x 100 B', records: 1, bytes: 100, compression: 'none' },
  { name: '150 x 100 B', records: 150, bytes: 100, compression: 'none' },
  { name: '1000 x 1 KiB', records: 1000, bytes: 1024, compression: 'none' },
  ...compressionNames.slice(1).map((compression) => ({ name: `150 x 100 B ${compression}`, records: 150, bytes: 100, compression })),
]

export async function rows(): Promise<BenchRow[]> {
  const now = Date.now()
  const config = { ...logConfigDefaults, maxMessageBytes: 8 * 1024 * 1024 }
  const works = shapes.map((shape) => {
    const batch = build(shape, now)
    const times = Math.ceil(
      BYTES_PER_ROUND / (shape.compression === 'none' ? batch.length : batch.length * 8) / (shape.records === 1 ? 4 : 1),
    )
    // A base offset is the broker's to give: it is what a producer sends again in each turn.
    const whole = (): number =>
      cpu(times, () => (batch.fill(0, 0, 8), validate(batch, { config, origin: 'client', leaderEpoch: 0, offset: 7, now }).nextOffset))
    const checksum = (): number => cpu(times, () => (checkBatch(batch, 0, batch.length) === 'ok' ? 1 : 0))
    return { shape, size: batch.length, times, whole, checksum, ours: [] as number[], peers: [] as number[] }
  })
  for (let round = -1; round < ROUNDS; round++) {
    for (const work of works) {
      const [ours, peer] = [work.whole(), work.checksum()]
      if (round < 0) continue
      work.ours.push(ours)
      work.peers.push(peer)
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  return works.flatMap(({ shape, size, times, ours, peers }) => {
    const [own, peer] = [median(ours), median(peers)]
    const row = { row: shape.name, ratio: own / peer, target: null, better: 'lower' as const }
    const perRecord = 1e9 / (times * shape.records)
    const perMegabyte = 1e3 / ((times * size) / 1e6)
    return [
      { ...row, unit: 'ns per record (checksum alone)', ours: own * perRecord, peer: peer * perRecord },
      { ...row, unit: 'ms per MB (checksum alone)', ours: own * perMegabyte, peer: peer * perMegabyte },
    ]
  })
}

function build({ records, bytes, compression }: Shape, now: number): Buffer {
  const builder = new BatchBuilder({ compression })
  for (let i = 0; i < records; i++) {
    const value = Buffer.alloc(bytes, `record ${i} of a text that a codec can make smaller ${(i * 2_654_435_761) % 1_000_003} `)
    builder.append(now + i, Buffer.from(`key-${i}`), value)
  }
  return Buffer.from(builder.build())
}

/** CPU-seconds of so many turns. */
function cpu(times: number, turn: () => number): number {
  const before = process.cpuUsage()
  let sink = 0
  for (let i = 0; i < times; i++) sink += turn()
  const { user, system } = process.cpuUsage(before)
  if (Number.isNaN(sink)) throw new Error('the work was optimised away')
  return (user + system) / 1e6
}
