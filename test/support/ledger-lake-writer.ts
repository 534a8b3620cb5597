import { hdfs } from '../../connectors/hdfs/index.ts'
import { numberedBatch, sinkContext } from './ledger-kit.ts'

/** A process that exports numbered records to the lake in argv[2] up to offset argv[3], to be killed at any moment. */
const [, , url, end] = process.argv
const END = Number(end)
const open = await hdfs({ url: url!, partitionBy: { time: "'dt='yyyy-MM-dd" } }).open(sinkContext({ logEndOffset: END }))
const sink = open.partition('flights', 0)
let position = (await sink.recover!()).offset
while (position < END) {
  try {
    const next = Math.min(END, position + 1 + Math.floor(Math.random() * 40))
    await sink.write(numberedBatch('flights', 0, position, next))
    await sink.commit({ offset: next, leaderEpoch: 0 })
    position = next
  } catch (error) {
    if ((error as { code?: string }).code !== 'ATTEMPT_DEAD') throw error
    position = (await sink.recover!()).offset
  }
}
await open.close()
