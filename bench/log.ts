import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeFiles } from '../core/base/files.ts'
import { logConfig } from '../core/log/config.ts'
import { logPools } from '../core/log/file-pool.ts'
import { PartitionLog } from '../core/log/partition-log.ts'
import { BufferPool } from '../core/net/buffer-pool.ts'
import { nextOffset } from '../core/record/batch.ts'
import { BatchBuilder } from '../core/record/builder.ts'
import { batches } from '../core/record/records.ts'
import { type BenchRow, median } from './row.ts'

/** What reading costs in our log by itself, from the page cache into buffers that are used again, without network: CPU-seconds per GB. */

const ROUNDS = 5
const LOG_BYTES = 256 * 1024 * 1024
const SEGMENT_BYTES = 64 * 1024 * 1024
const RANDOM_READS = 4000
const APPENDS_BYTES = 64 * 1024 * 1024
const KIB = 1024
const MIB = 1024 * 1024

interface Work {
  row: string
  /** Bytes read, and the CPU-seconds that reading them took. */
  run: () => { bytes: number; seconds: number }
}

/** A log on the disk, and how it is read. */
class Bench {
  readonly directory: string
  readonly buffers: BufferPool
  #recoveryPoint: number
  #log: PartitionLog

  constructor(directory: string) {
    this.directory = directory
    this.buffers = new BufferPool()
    this.#recoveryPoint = 0
    this.#log = this.#open(false)
  }

  get log(): PartitionLog {
    return this.#log
  }

  async fill(batch: Buffer): Promise<void> {
    while (this.#log.sizeInBytes < LOG_BYTES) this.#log.append(Buffer.from(batch), { leaderEpoch: 0 })
    await this.#log.close()
    this.#recoveryPoint = this.#log.flushedOffset
    this.reopen()
  }

  /** Nothing of the log has been checked after this. */
  reopen(): void {
    this.#log.abandon()
    this.#log = this.#open(true)
    this.#log.load()
  }

  /** Reads once and lets go of the buffer, as when it has been sent; answers where the next read begins. */
  read(offset: number, maxBytes: number): { next: number; bytes: number } {
    const { records } = this.#log.read(offset, maxBytes, this.#log.logEndOffset, (size) => this.buffers.toSend(size))
    let next = offset
    for (const at of batches(records)) next = nextOffset(records, at)
    this.buffers.sent(this.buffers.ofPool([records]))
    return { next, bytes: records.length }
  }

  #open(clean: boolean): PartitionLog {
    return new PartitionLog({
      topic: 'bench',
      partition: 0,
      directory: this.directory,
      pools: logPools(nodeFiles),
      config: logConfig({ segmentBytes: SEGMENT_BYTES, maxMessageBytes: 2 * MIB, messageTimestampAfterMaxMs: -1 }),
      recoveryPoint: this.#recoveryPoint,
      clean,
    })
  }
}

/** Rounds of all works in turn, so that a busy moment hurts all alike. */
export async function rows(): Promise<BenchRow[]> {
  const root = mkdtempSync(join(tmpdir(), 'moldau-bench-log-'))
  try {
    const works: Work[] = []
    for (const [name, size] of [
      ['200 B', 200],
      ['16 KiB', 16 * KIB],
      ['1 MiB', MIB],
    ] as const) {
      const bench = new Bench(join(root, name.replace(' ', '-')))
      await bench.fill(batchOf(size))
      works.push(...worksOf(bench, name, batchOf(size)))
    }
    const measured = works.map(() => [] as number[])
    for (let round = -1; round < ROUNDS; round++) {
      for (const [i, work] of works.entries()) {
        const { bytes, seconds } = work.run()
        if (round >= 0) measured[i]!.push((seconds / bytes) * 1e9)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    return works.map(({ row }, i) => ({
      row,
      unit: 'CPU-s per GB',
      ours: median(measured[i]!),
      peer: null,
      ratio: null,
      target: null,
      better: 'lower',
    }))
  } finally {
    rmSync(root, { recursive: true })
  }
}

function worksOf(bench: Bench, batches: string, batch: Buffer): Work[] {
  const all = (maxBytes: number): { bytes: number; seconds: number } => {
    let bytes = 0
    const seconds = cpuSeconds(() => {
      const { log } = bench
      for (let offset = log.logStartOffset; offset < log.logEndOffset;) {
        const read = bench.read(offset, maxBytes)
        offset = read.next
        bytes += read.bytes
      }
    })
    return { bytes, seconds }
  }
  const works: Work[] = []
  for (const [fetch, maxBytes] of [
    ['16 KiB', 16 * KIB],
    ['1 MiB', MIB],
  ] as const) {
    if (batch.length > 2 * maxBytes) continue
    const what = `${fetch} reads of ${batches} batches`
    works.push({
      row: `${what}: in order, first time (checked)`,
      run: () => {
        bench.reopen()
        return all(maxBytes)
      },
    })
    works.push({ row: `${what}: in order, again`, run: () => all(maxBytes) })
    works.push({ row: `${what}: anywhere`, run: () => anywhere(bench, maxBytes) })
  }
  works.push({ row: `reads of ${batches} batches at the tail, one each`, run: () => tail(bench, batch) })
  return works
}

function anywhere(bench: Bench, maxBytes: number): { bytes: number; seconds: number } {
  let seed = 7
  let bytes = 0
  const { logEndOffset } = bench.log
  const seconds = cpuSeconds(() => {
    for (let i = 0; i < RANDOM_READS; i++) {
      seed = (seed * 1103515245 + 12345) % 2147483648
      bytes += bench.read(Math.floor((seed / 2147483648) * logEndOffset), maxBytes).bytes
    }
  })
  return { bytes, seconds }
}

/** Only the reads are counted. */
function tail(bench: Bench, batch: Buffer): { bytes: number; seconds: number } {
  let bytes = 0
  let seconds = 0
  const count = Math.min(4000, Math.ceil(APPENDS_BYTES / batch.length))
  const sent = Array.from({ length: count }, () => Buffer.from(batch))
  const { log } = bench
  for (const one of sent) {
    const { baseOffset } = log.append(one, { leaderEpoch: 0 })
    seconds += cpuSeconds(() => (bytes += bench.read(baseOffset, MIB).bytes))
  }
  return { bytes, seconds }
}

/** One batch of about so many bytes, of records of 100 bytes. */
function batchOf(size: number): Buffer {
  const builder = new BatchBuilder({ sizeHint: size })
  const value = Buffer.alloc(100, 'x')
  for (let bytes = 61; bytes + 110 < size; bytes += 110) builder.append(1_700_000_000_000 + (bytes % 1000), null, value)
  return builder.build()
}

function cpuSeconds(run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}
