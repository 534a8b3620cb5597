/**
 * A proxy holds EndTxn, AddPartitionsToTxn, AddOffsetsToTxn, TxnOffsetCommit and Produce back past the time-out of their client and delivers them
 * when it has gone on over another connection: no transaction may be torn, with transactions v1 or v2.
 *
 *   node --conditions=moldau-source test/soak/late-requests.ts [--transactions 10000] [--producers 16] [--share 0.02] [--seed 1]
 *     [--clients moldau-v1,moldau-v2,librdkafka,java-v1,java-v2]
 *
 * The seed replays which requests are held and what producers do. librdkafka comes by pip, Java's client by mvn, on first use.
 */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ChildBroker } from '../support/child-broker.ts'
import { foreignLateRequests, type ForeignClient } from '../support/foreign-late.ts'
import { lateRequests } from '../support/late-requests.ts'
import { Tally } from './tally.ts'

const { values } = parseArgs({
  options: {
    transactions: { type: 'string', default: '10000' },
    producers: { type: 'string', default: '16' },
    share: { type: 'string', default: '0.02' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'request-timeout-ms': { type: 'string', default: '300' },
    clients: { type: 'string', default: 'moldau-v1,moldau-v2,librdkafka,java-v1,java-v2' },
  },
})
console.log(`seed ${values.seed}`)
const clients = values.clients.split(',')
const tally = new Tally()
for (const client of clients) {
  const dir = await mkdtemp(join(tmpdir(), 'moldau-late-'))
  const ends: (() => unknown)[] = []
  const broker = new ChildBroker({ teardown: (end) => void ends.push(end) }, dir)
  await broker.start()
  const started = performance.now()
  const options = {
    port: broker.port,
    seed: Number(values.seed),
    transactions: Number(values.transactions),
    producers: Number(values.producers),
    transactionVersion: client.endsWith('v1') || client === 'librdkafka' ? (1 as const) : (2 as const),
    share: Number(values.share),
    requestTimeoutMs: Number(values['request-timeout-ms']),
  }
  const own = client.startsWith('moldau')
  const { faults, ...counts } = await (own ? lateRequests(options) : foreignLateRequests(client as ForeignClient, options))
  console.log(
    `${client}: ${JSON.stringify(counts)} in ${((performance.now() - started) / 1000).toFixed(0)} s; ${faults.length === 0 ? 'exact' : 'WRONG'}`,
  )
  for (const end of ends) await end()
  await tally.note(faults, dir)
}
tally.end()
