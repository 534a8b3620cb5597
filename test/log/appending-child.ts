import { writeSync } from 'node:fs'
import { LogManager } from '../../core/log/log-manager.ts'
import { batchOf } from '../support/logs.ts'

/** Appends numbered records as an idempotent producer would until it is killed, and prints each number that is synced. */
const logs = await LogManager.open({ dir: process.argv[2]!, config: { segmentBytes: 4000 } })
const log = logs.create('t', 0, 'AAAAAAAAAAAAAAAAAAAAAQ')
for (let i = log.logEndOffset; ; i++) {
  const { lastOffset } = log.append(batchOf([String(i)], { producerId: 1, producerEpoch: 0, baseSequence: i }), { leaderEpoch: 0 })
  const synced = log.whenFlushed(lastOffset + 1).then(() => writeSync(1, `${lastOffset}\n`))
  if (i % 10 === 0) await synced
}
