/**
 * Kills a broker with -9 at random moments while eight idempotent producers (acks=all) and two transactional ones write, starts it again, and
 * audits every record: LOST, DUP, ORDER, GHOST, OFFSET, and transactions whole or not at all.
 *
 *   node --conditions=moldau-source test/soak/broker-kill.ts [--rounds 200] [--seed 1] [--longest-ms 800]
 *
 * The seed replays the moments and the loads.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { systemClock } from '../../core/base/clock.ts'
import { Channel } from '../../core/net/channel.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { EndTxn } from '../../core/protocol/messages/end-txn.ts'
import { InitProducerId } from '../../core/protocol/messages/init-producer-id.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { Ledger } from '../support/power-ledger.ts'
import { readPlace } from '../support/read-place.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'
import { batch, createTopic } from '../support/wire.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'longest-ms': { type: 'string', default: '800' },
  },
})
const RECORD_BYTES = 1024
const PARTITIONS = 3
const AUDIT_EVERY = 20
const random = seededNumbers(Number(values.seed))
const rounds = Number(values.rounds)
console.log(`seed ${values.seed}`)

interface Sender {
  readonly name: string
  readonly partition: number
  producerId: number
  next: number
}

const dir = await mkdtemp(join(tmpdir(), 'moldau-kill-'))
const ledger = new Ledger()
const senders = Array.from({ length: 8 }, (_, i): Sender => ({ name: `s${i}`, partition: i % PARTITIONS, producerId: -1, next: 0 }))
let transactions = 0
let acknowledged = 0
let slowestMs = 0

for (let round = 0; round < rounds && ledger.faults.length === 0; round++) {
  const started = performance.now()
  const { child, port } = await launch()
  if (round > 0) slowestMs = Math.max(slowestMs, performance.now() - started)
  const admin = await dial(port)
  if (round === 0) await createTopic(admin, 'a', PARTITIONS, { 'segment.bytes': String(4 * 1024 * 1024) })
  if (round > 0 && round % AUDIT_EVERY === 0) await audit(admin)
  const work = [...senders.map((sender) => send(sender, port)), transact('x', port), transact('y', port)].map((each) =>
    each.catch(() => {}),
  )
  await wait(20 + random() * Number(values['longest-ms']))
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
  await Promise.all(work)
  admin.close()
}
const { child, port } = await launch()
await audit(await dial(port))
child.kill('SIGKILL')
await once(child, 'exit')
for (const fault of ledger.faults.slice(0, 20)) console.log(`  ${fault}`)
console.log(`${acknowledged} records and ${transactions} transactions; started again in at most ${slowestMs.toFixed(0)} ms`)
if (ledger.faults.length === 0) await rm(dir, { recursive: true })
else console.log(`kept for a look: ${dir}`)
console.log(ledger.faults.length === 0 ? `${rounds} passed, 0 failed` : `0 passed, ${ledger.faults.length} failed`)
process.exit(ledger.faults.length === 0 ? 0 : 1)

async function launch(): Promise<{ child: ChildProcess; port: number }> {
  const script = join(import.meta.dirname, '../support/broker-process.ts')
  const child = spawn(process.execPath, ['--conditions=moldau-source', script, dir, 'disk'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout!, 'data')) as [Buffer]
  return { child, port: Number(line.toString()) }
}

async function dial(port: number): Promise<Channel> {
  return new Channel(await tcpDialer().dial('127.0.0.1', port), { clientId: 'kill', clock: systemClock })
}

/** Until the connection ends. */
async function send(sender: Sender, port: number): Promise<void> {
  const channel = await dial(port)
  if (sender.producerId < 0) {
    sender.producerId = (await channel.request(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1000 })).producerId
  }
  for (;;) {
    const count = 1 + Math.floor(random() * 8)
    const sent = ledger.sending(
      sender.name,
      sender.next,
      Array.from({ length: count }, (_, i) => `${sender.name}/${sender.next + i}/`),
    )
    const records = batch(
      sent.map((value) => value.padEnd(RECORD_BYTES, 'x')),
      { producerId: sender.producerId, producerEpoch: 0, baseSequence: sender.next },
    )
    const partitionData = [{ index: sender.partition, records }]
    const { responses } = await channel.request(Produce, 11, { acks: -1, timeoutMs: 5000, topicData: [{ name: 'a', partitionData }] })
    const error = errorName(responses[0]!.partitionResponses[0]!.errorCode)
    if (error !== 'NONE') return ledger.fault(`${sender.name} was answered ${error}`)
    ledger.acknowledged(sent)
    sender.next += sent.length
    acknowledged += sent.length
  }
}

async function transact(id: string, port: number): Promise<void> {
  const channel = await dial(port)
  const begun = await channel.request(InitProducerId, 5, {
    transactionalId: id,
    transactionTimeoutMs: 60_000,
  })
  let { producerId, producerEpoch } = begun
  while (begun.errorCode === 0) {
    const number = transactions++
    const commit = random() < 0.7
    const sent: string[] = []
    ledger.transaction(number, sent)
    for (const partition of [0, 1]) {
      const value = `t${number}/${partition}/`
      sent.push(value)
      const records = batch([value], { producerId, producerEpoch, baseSequence: 0, transactional: true })
      await channel.request(Produce, 12, {
        transactionalId: id,
        acks: -1,
        timeoutMs: 5000,
        topicData: [{ name: 'a', partitionData: [{ index: partition, records }] }],
      })
    }
    ledger.ending(number, commit)
    const end = await channel.request(EndTxn, 5, { transactionalId: id, producerId, producerEpoch, committed: commit })
    if (end.errorCode !== 0) return ledger.fault(`transaction ${number} was answered ${errorName(end.errorCode)}`)
    ledger.ended(number, commit)
    ;({ producerId, producerEpoch } = end)
  }
}

async function audit(channel: Channel): Promise<void> {
  // What the kill left open is aborted by the next instance, and holds nobody back: no transaction hangs.
  for (const transactionalId of ['x', 'y']) {
    const { errorCode } = await channel.request(InitProducerId, 5, { transactionalId, transactionTimeoutMs: 60_000 })
    if (errorCode !== 0) ledger.fault(`the transaction of ${transactionalId} hangs: ${errorName(errorCode)}`)
  }
  const [all, committed] = [new Map<string, string[]>(), new Map<string, string[]>()]
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (const isCommitted of [false, true]) {
      const lines = await readPlace(channel, { topic: 'a', partition, isCommitted, fault: (what) => ledger.fault(what) })
      ;(isCommitted ? committed : all).set(
        `a-${partition}`,
        lines.map((line) => line.replace(/\/x*$/, '/')),
      )
    }
  }
  ledger.check(all, committed, new Set())
}
