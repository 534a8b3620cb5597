import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { EndTxn } from '../../core/protocol/messages/end-txn.ts'
import { InitProducerId } from '../../core/protocol/messages/init-producer-id.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { ChildBroker, type Teardown } from './child-broker.ts'
import { Ledger } from './power-ledger.ts'
import { readPlace } from './read-place.ts'
import { seededNumbers } from './seeded-numbers.ts'
import { type Tail, forgetBoot, tearTail } from './torn-tail.ts'
import { batch, createTopic } from './wire.ts'

const RECORD_BYTES = 1024
const PARTITIONS = 3
const SENDERS = 8
const TRANSACTIONAL_IDS = ['x', 'y']
const config = {
  durability: 'disk',
  'offsets.topic.num.partitions': 2,
  'transaction.state.log.num.partitions': 2,
}

export interface BrokerKillOptions {
  readonly t: Teardown
  readonly dir: string
  readonly rounds: number
  readonly seed: number
  /** The longest life of a broker, in milliseconds; the shortest is 20. */
  readonly longestMs: number
  /** Leave the segments as a crash in the middle of a write may. */
  readonly tearsTails: boolean
  /** Everything is read after so many rounds, and at the end. */
  readonly auditEvery: number
}

export interface BrokerKills {
  readonly faults: readonly string[]
  readonly acknowledged: number
  readonly transactions: number
  /** From the call to the answer of the broker, on what a kill has left. */
  readonly slowestStartMs: number
  readonly torn: ReadonlyMap<Tail, number>
}

interface Sender {
  readonly name: string
  readonly partition: number
  producerId: number
  next: number
}

/**
 * Kills a broker with -9 at random moments while idempotent producers (acks=all) and transactional ones write, starts it again on what the kill
 * and the disk have left, and audits every record. The seed replays the moments, the loads and the tails.
 */
export async function killBroker(options: BrokerKillOptions): Promise<BrokerKills> {
  return new Killing(options).run()
}

class Killing {
  readonly #options: BrokerKillOptions
  readonly #random: () => number
  readonly #broker: ChildBroker
  readonly #ledger: Ledger
  readonly #senders: readonly Sender[]
  /** The offset after the last record of a partition that somebody was told of. */
  readonly #acknowledgedTo: number[]
  readonly #torn: Map<Tail, number>
  #acknowledged: number
  #transactions: number

  constructor(options: BrokerKillOptions) {
    this.#options = options
    this.#random = seededNumbers(options.seed)
    this.#broker = new ChildBroker(options.t, options.dir, config)
    this.#ledger = new Ledger()
    this.#senders = Array.from({ length: SENDERS }, (_, i) => ({ name: `s${i}`, partition: i % PARTITIONS, producerId: -1, next: 0 }))
    this.#acknowledgedTo = Array.from({ length: PARTITIONS }, () => 0)
    this.#torn = new Map()
    this.#acknowledged = 0
    this.#transactions = 0
  }

  async run(): Promise<BrokerKills> {
    const { rounds, longestMs, auditEvery } = this.#options
    const { faults } = this.#ledger
    let slowestStartMs = 0
    for (let round = 0; round < rounds && faults.length === 0; round++) {
      const started = performance.now()
      await this.#broker.start()
      if (round > 0) slowestStartMs = Math.max(slowestStartMs, performance.now() - started)
      const admin = await this.#broker.dial()
      if (round === 0) await createTopic(admin, 'a', PARTITIONS, { 'segment.bytes': String(4 * 1024 * 1024) })
      if (round > 0 && round % auditEvery === 0) await this.#audit(admin)
      const clients = [...this.#senders.map((sender) => this.#send(sender)), ...TRANSACTIONAL_IDS.map((id) => this.#transact(id))]
      const work = clients.map((client) => client.catch(() => {}))
      await wait(20 + this.#random() * longestMs)
      await this.#broker.kill()
      await Promise.all(work)
      admin.close()
      if (this.#options.tearsTails) this.#tear()
    }
    await this.#broker.start()
    await this.#audit(await this.#broker.dial())
    await this.#broker.kill()
    return { faults, acknowledged: this.#acknowledged, transactions: this.#transactions, slowestStartMs, torn: this.#torn }
  }

  /** A process that dies leaves what it has written; a machine that dies may take what was not synced. */
  #tear(): void {
    const { dir } = this.#options
    const isPowerLoss = this.#random() < 0.5
    if (isPowerLoss) forgetBoot(dir)
    for (const name of readdirSync(dir).sort()) {
      if (!/-\d+$/.test(name)) continue
      const partition = /^a-(\d+)$/.exec(name)?.[1]
      const acknowledgedTo = isPowerLoss && partition !== undefined ? this.#acknowledgedTo[Number(partition)]! : Infinity
      const tail = tearTail({ directory: join(dir, name), acknowledgedTo, random: this.#random })
      this.#torn.set(tail, (this.#torn.get(tail) ?? 0) + 1)
    }
  }

  /** Until the connection ends. */
  async #send(sender: Sender): Promise<void> {
    const channel = await this.#broker.dial()
    if (sender.producerId < 0) {
      sender.producerId = (await channel.request(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1000 })).producerId
    }
    for (;;) {
      const count = 1 + Math.floor(this.#random() * 8)
      const values = Array.from({ length: count }, (_, i) => `${sender.name}/${sender.next + i}/`)
      const sent = this.#ledger.sending(sender.name, sender.next, values)
      const records = batch(
        sent.map((value) => value.padEnd(RECORD_BYTES, 'x')),
        { producerId: sender.producerId, producerEpoch: 0, baseSequence: sender.next },
      )
      const partitionData = [{ index: sender.partition, records }]
      const { responses } = await channel.request(Produce, 11, { acks: -1, timeoutMs: 5000, topicData: [{ name: 'a', partitionData }] })
      const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!
      if (errorCode !== 0) return this.#ledger.fault(`${sender.name} was answered ${errorName(errorCode)}`)
      this.#ledger.acknowledged(sent)
      sender.next += sent.length
      this.#acknowledged += sent.length
      this.#acknowledgedTo[sender.partition] = Math.max(this.#acknowledgedTo[sender.partition]!, baseOffset + sent.length)
    }
  }

  async #transact(id: string): Promise<void> {
    const channel = await this.#broker.dial()
    const begun = await channel.request(InitProducerId, 5, { transactionalId: id, transactionTimeoutMs: 60_000 })
    let { producerId, producerEpoch } = begun
    while (begun.errorCode === 0) {
      const number = this.#transactions++
      const commit = this.#random() < 0.7
      const sent: string[] = []
      this.#ledger.transaction(number, sent)
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
      this.#ledger.ending(number, commit)
      const end = await channel.request(EndTxn, 5, { transactionalId: id, producerId, producerEpoch, committed: commit })
      if (end.errorCode !== 0) return this.#ledger.fault(`transaction ${number} was answered ${errorName(end.errorCode)}`)
      this.#ledger.ended(number, commit)
      ;({ producerId, producerEpoch } = end)
    }
  }

  async #audit(channel: Channel): Promise<void> {
    // What the kill left open is aborted by the next instance, and holds nobody back: no transaction hangs.
    for (const transactionalId of TRANSACTIONAL_IDS) {
      const { errorCode } = await channel.request(InitProducerId, 5, { transactionalId, transactionTimeoutMs: 60_000 })
      if (errorCode !== 0) this.#ledger.fault(`the transaction of ${transactionalId} hangs: ${errorName(errorCode)}`)
    }
    const [all, committed] = [new Map<string, string[]>(), new Map<string, string[]>()]
    for (let partition = 0; partition < PARTITIONS; partition++) {
      for (const isCommitted of [false, true]) {
        const fault = (what: string): void => this.#ledger.fault(what)
        const lines = await readPlace(channel, { topic: 'a', partition, isCommitted, fault, text: withoutFilling })
        ;(isCommitted ? committed : all).set(`a-${partition}`, lines)
      }
    }
    this.#ledger.check(all, committed, new Set())
  }
}

/** Millions of them are kept at a time. */
function withoutFilling(value: Buffer | null): string {
  assert(value !== null, 'a record without a value, which nobody wrote')
  return value.toString('latin1', 0, value.lastIndexOf('/') + 1)
}
