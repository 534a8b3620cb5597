import { randomFillSync } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../core/base/clock.ts'
import { nodeFiles } from '../core/base/files.ts'
import { silentLogger } from '../core/base/logger.ts'
import { LogCleaner } from '../core/log/cleaner/cleaner.ts'
import { cleanerConfig } from '../core/log/cleaner/config.ts'
import { logConfig } from '../core/log/config.ts'
import { logPools } from '../core/log/file-pool.ts'
import { PartitionLog } from '../core/log/partition-log.ts'
import { BatchBuilder } from '../core/record/builder.ts'
import type { CompressionName } from '../core/record/compression-names.ts'
import { type BenchRow, median } from './row.ts'

const RECORDS = 1_000_000
const KEYS = 100_000
const VALUE_BYTES = 100
const RECORDS_PER_BATCH = 130
const ROUNDS = 5

/** What a cleaning costs: a million records of 100 bytes over 100,000 keys, all of them dirty. */
export async function rows(): Promise<BenchRow[]> {
  const list: BenchRow[] = []
  for (const compression of ['none', 'lz4'] as const) {
    const runs: Run[] = []
    const turns: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      runs.push(await clean(compression, false))
      turns.push((await clean(compression, true)).turn)
    }
    const row = { peer: null, ratio: null, target: null, better: 'lower' } as const
    list.push(
      { row: `cleaning, ${compression}`, unit: 'CPU-s per million records', ours: median(runs.map(({ cpu }) => cpu)), ...row },
      { row: `cleaning, ${compression}: longest turn`, unit: 'CPU-ms', ours: median(turns), ...row },
      {
        ...row,
        row: `cleaning, ${compression}: bytes of log`,
        unit: 'MB per CPU-s',
        ours: median(runs.map(({ bytes, cpu }) => bytes / 1e6 / cpu)),
        better: 'higher',
      },
    )
  }
  return list
}

interface Run {
  cpu: number
  bytes: number
  /** Most work in which nothing else ran, in milliseconds of CPU: the machine may be busy. */
  turn: number
}

/** @param watched to see how long the turns are; that costs something itself */
async function clean(compression: CompressionName, watched: boolean): Promise<Run> {
  const dir = await mkdtemp(join(tmpdir(), 'moldau-bench-'))
  try {
    const config = logConfig({ cleanupPolicy: 'compact', segmentBytes: 4 * 1024 * 1024, minCleanableDirtyRatio: 0 })
    const directory = join(dir, 'topic-0')
    const log = new PartitionLog({ topic: 'topic', partition: 0, directory, config, pools: logPools(nodeFiles) })
    fill(log, compression)
    await log.flush()
    let bytes = 0
    const cleaner = new LogCleaner({
      dir,
      config: cleanerConfig(),
      files: nodeFiles,
      clock: systemClock,
      logger: silentLogger,
      random: (buffer) => randomFillSync(buffer),
      logs: () => [log],
      checkpoint: () => Promise.resolve(),
    })
    cleaner.onCleaned = ({ bytesBefore }) => {
      bytes = bytesBefore
    }
    let done = false
    let turn = 0
    let last = process.threadCpuUsage()
    const tick = (): void => {
      const now = process.threadCpuUsage()
      turn = Math.max(turn, (now.user + now.system - last.user - last.system) / 1000)
      last = now
      if (!done) setImmediate(tick)
    }
    if (watched) tick()
    const before = process.cpuUsage()
    await cleaner.run()
    const { user, system } = process.cpuUsage(before)
    done = true
    log.abandon()
    return { cpu: (user + system) / 1e6, bytes, turn }
  } finally {
    await rm(dir, { recursive: true })
  }
}

function fill(log: PartitionLog, compression: CompressionName): void {
  const value = Buffer.alloc(VALUE_BYTES)
  randomFillSync(value)
  for (let i = 0; i < RECORDS; i += RECORDS_PER_BATCH) {
    const builder = new BatchBuilder({ compression })
    for (let j = 0; j < RECORDS_PER_BATCH; j++) builder.append(Date.now(), Buffer.from(`key-${((i + j) * 7919) % KEYS}`), value)
    log.append(builder.build(), { leaderEpoch: 0 })
  }
}
