import { setImmediate as turn } from 'node:timers/promises'
import { ManualClock, systemClock } from '../../core/base/clock.ts'
import { Broker } from '../../core/broker/broker.ts'
import { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { DeleteTopics } from '../../core/protocol/messages/delete-topics.ts'
import { EndTxn } from '../../core/protocol/messages/end-txn.ts'
import { InitProducerId } from '../../core/protocol/messages/init-producer-id.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { FaultyFiles, type Operation } from './faulty-files.ts'
import { Ledger } from './power-ledger.ts'
import { readPlace } from './read-place.ts'
import { seededNumbers } from './seeded-numbers.ts'
import { batch, createTopic, fetchFrom, listing } from './wire.ts'

const DIR = '/machine/data'
const TOPICS = ['a', 'b']
const PARTITIONS = 2
/** Longer than a run, in which the clock leaps. */
const TRANSACTION_TIMEOUT_MS = 1_000_000_000
const TRANSACTIONAL_IDS = ['x', 'y']
const config = {
  durability: 'disk',
  'transaction.max.timeout.ms': TRANSACTION_TIMEOUT_MS,
  'offsets.topic.num.partitions': 2,
  'transaction.state.log.num.partitions': 2,
  'transaction.state.log.segment.bytes': 2000,
  'log.segment.bytes': 1500,
  'log.index.interval.bytes': 200,
}

export interface StormOptions {
  seed: number
  /** Power losses. */
  rounds: number
  /** What each client does before the power goes, at most. */
  stepsMax?: number
  /** Writes and syncs fail now and then, and work again. Default true. */
  faults?: boolean
}

/** What a client remembers over the restarts of the broker. */
interface Sender {
  readonly name: string
  readonly acks: number
  readonly place: { topic: string; partition: number }
  producerId: number
  next: number
}

/**
 * A whole broker on a disk that loses power again and again, keeping any part of what was not synced, while clients write, read, run
 * transactions, and make and delete topics. Answers what was promised and not kept. The same seed gives the same decisions.
 */
export async function powerStorm({ seed, rounds, stepsMax = 40, faults = true }: StormOptions): Promise<string[]> {
  const random = seededNumbers(seed)
  const below = (n: number): number => Math.floor(random() * n)
  const ledger = new Ledger()
  let disk = new FaultyFiles()
  disk.mkdir(DIR)
  const senders = Array.from({ length: 5 }, (_, i): Sender => {
    return { name: `s${i}`, acks: i < 4 ? -1 : 1, place: { topic: TOPICS[i % 2]!, partition: below(PARTITIONS) }, producerId: -1, next: 0 }
  })
  let transactions = 0
  let topics = 0

  for (let round = 0; round <= rounds; round++) {
    const files = disk
    files.pause = async () => {
      for (let left = below(4); left > 0; left--) await turn()
    }
    const clock = new ManualClock(1_700_000_000_000 + round * 1_000_000)
    const broker = await Broker.start({ dir: DIR, files, port: null, clock, config })
    let alive = true
    let lost = false
    broker.events.on('recordsLost', () => (lost = true))
    const ticking = (async () => {
      while (alive) {
        await turn()
        clock.advance(below(100) === 0 ? 61_000 : below(50))
      }
    })()
    const channel = (): Promise<Channel> =>
      broker.dialer.dial('', 0).then((transport) => new Channel(transport, { clientId: 'storm', clock: systemClock }))
    const admin = await channel()
    if (round === 0) for (const topic of TOPICS) await createTopic(admin, topic, PARTITIONS)
    await audit(ledger, admin, broker)
    if (ledger.faults.length > 0 || round === rounds) {
      alive = false
      await ticking
      await broker.close()
      break
    }
    const steps = 1 + below(stepsMax)
    const clients = [
      ...senders.map((sender) => send(sender, steps)),
      ...TRANSACTIONAL_IDS.map((id) => transact(id, 1 + below(steps))),
      consume(steps),
      manageTopics(1 + below(4)),
      ...(faults ? [trouble(below(3))] : []),
    ]
    // Those who are done wait for nobody: the power goes at a moment of its own.
    const moment = 1 + below(steps * 12)
    await Promise.race([
      Promise.all(clients),
      (async () => {
        for (let i = 0; i < moment; i++) await turn()
      })(),
    ])
    alive = false
    disk = files.afterPowerLoss({ random })
    disk.unlink(`${DIR}/.lock`)
    files.fault = () => 'EIO'
    await ticking
    admin.close()
    await broker.close()
    await Promise.all(clients.map((client) => client.catch(() => {})))

    /** Answers that come after the power has gone were never received. */
    async function ask<T>(question: Promise<T>): Promise<T> {
      const answer = await question
      if (!alive) throw new Error('the machine is gone')
      return answer
    }

    async function send(sender: Sender, count: number): Promise<void> {
      const own = await channel()
      try {
        if (sender.producerId < 0) {
          const { errorCode, producerId } = await ask(own.request(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1000 }))
          if (errorCode !== 0) return
          sender.producerId = producerId
        }
        for (let i = 0; i < count; i++) {
          const values = Array.from({ length: 1 + below(3) }, (_, at) => `${sender.name}/${sender.next + at}/${'x'.repeat(below(60))}`)
          // A repetition must be the same batch: the filling is drawn once.
          const sent = ledger.sending(sender.name, sender.next, values)
          const ids = { producerId: sender.producerId, producerEpoch: 0, baseSequence: sender.next }
          const { responses } = await ask(
            own.request(Produce, 11, {
              acks: sender.acks,
              timeoutMs: 1000,
              topicData: [{ name: sender.place.topic, partitionData: [{ index: sender.place.partition, records: batch(sent, ids) }] }],
            }),
          )
          const error = errorName(responses[0]!.partitionResponses[0]!.errorCode)
          if (error === 'NONE') {
            if (sender.acks === -1) ledger.acknowledged(sent)
            sender.next += sent.length
          } else if (error === 'KAFKA_STORAGE_ERROR') await turn()
          else if (error === 'OUT_OF_ORDER_SEQUENCE_NUMBER' && sender.acks === 1) {
            // What acks=1 promised is gone with the power: it starts anew, as a client would.
            sender.producerId = -1
            return
          } else return ledger.fault(`${sender.name} was answered ${error}`)
        }
      } finally {
        own.close()
      }
    }

    async function transact(id: string, count: number): Promise<void> {
      const own = await channel()
      try {
        const begun = await ask(own.request(InitProducerId, 5, { transactionalId: id, transactionTimeoutMs: TRANSACTION_TIMEOUT_MS }))
        if (begun.errorCode !== 0) return
        let { producerId, producerEpoch } = begun
        for (let i = 0; i < count; i++) {
          const number = transactions++
          const commit = random() < 0.7
          const values: string[] = []
          ledger.transaction(number, values)
          let failed = false
          for (const [at, topic] of TOPICS.entries()) {
            const value = `t${number}/${at}/`
            values.push(value)
            const ids = { producerId, producerEpoch, baseSequence: 0, transactional: true }
            const { responses } = await ask(
              own.request(Produce, 12, {
                transactionalId: id,
                acks: -1,
                timeoutMs: 1000,
                topicData: [{ name: topic, partitionData: [{ index: number % PARTITIONS, records: batch([value], ids) }] }],
              }),
            )
            if (responses[0]!.partitionResponses[0]!.errorCode !== 0) failed = true
          }
          if (failed && commit) return
          for (let attempt = 0; ; attempt++) {
            if (attempt === 0) ledger.ending(number, commit)
            const end = await ask(own.request(EndTxn, 5, { transactionalId: id, producerId, producerEpoch, committed: commit }))
            const error = errorName(end.errorCode)
            if (error === 'NONE') {
              ledger.ended(number, commit)
              ;({ producerId, producerEpoch } = end)
              break
            }
            if (error === 'TRANSACTION_ABORTABLE' || attempt > 200) return
            // The disk has lost all there was of the transaction, the coordinator's note with it: nothing to commit, and the client is told.
            if (error === 'INVALID_TXN_STATE' && lost) return
            if (
              !['COORDINATOR_NOT_AVAILABLE', 'CONCURRENT_TRANSACTIONS', 'NOT_COORDINATOR', 'COORDINATOR_LOAD_IN_PROGRESS'].includes(error)
            )
              return failed ? undefined : ledger.fault(`transaction ${number} was answered ${error}`)
            await turn()
          }
        }
      } finally {
        own.close()
      }
    }

    /** Reads what can be read and remembers it: an offset once seen keeps its content. */
    async function consume(count: number): Promise<void> {
      const own = await channel()
      try {
        for (let i = 0; i < count; i++) {
          const [topic, partition] = [TOPICS[below(2)]!, below(PARTITIONS)]
          const from = ledger.seenEnd(`${topic}-${partition}`)
          const fetched = await ask(fetchFrom(own, topic, from, { partition, maxWaitMs: 10 }))
          ledger.saw(
            `${topic}-${partition}`,
            listing(fetched).filter((line) => /:[st]\d+\//.test(line)),
          )
        }
      } finally {
        own.close()
      }
    }

    async function manageTopics(count: number): Promise<void> {
      const own = await channel()
      try {
        for (let i = 0; i < count; i++) {
          const name = `n${topics++}`
          ledger.topics.set(name, 'unknown')
          const made = await ask(
            createTopic(own, name).then(
              () => true,
              (error: Error) => !error.message.startsWith('KAFKA_STORAGE_ERROR') && Promise.reject(error),
            ),
          )
          if (made) ledger.topics.set(name, 'there')
          if (!made || random() < 0.5) continue
          ledger.topics.set(name, 'unknown')
          const { responses } = await ask(own.request(DeleteTopics, 3, { topicNames: [name], timeoutMs: 1000 }))
          // After an error of the disk either may be so, as after an answer that was lost.
          if (responses[0]!.errorCode === 0) ledger.topics.set(name, 'gone')
        }
      } finally {
        own.close()
      }
    }

    /** The disk fails for a while, and sometimes forgets what it took for written. */
    async function trouble(count: number): Promise<void> {
      const operations: Operation[] = ['sync', 'write', 'syncDirectory', 'open', 'truncate']
      for (let i = 0; i < count && alive; i++) {
        for (let left = below(80); left > 0; left--) await turn()
        const failing = operations[below(operations.length)]!
        const share = random()
        files.fault = (operation, path) => (operation === failing && !path.endsWith('.lock') && random() < share ? 'EIO' : undefined)
        for (let left = below(40); left > 0; left--) await turn()
        if (!alive) return
        if (random() < 0.3) files.dropCaches()
        files.fault = () => undefined
      }
    }
  }
  return ledger.faults
}

/** Reads everything, and compares. */
async function audit(ledger: Ledger, channel: Channel, broker: Broker): Promise<void> {
  // What the power loss left open is aborted by the next instance of its producer, and holds nobody back then.
  for (const transactionalId of TRANSACTIONAL_IDS) {
    for (let error = -1; error !== 0; await turn()) {
      error = (await channel.request(InitProducerId, 5, { transactionalId, transactionTimeoutMs: TRANSACTION_TIMEOUT_MS })).errorCode
    }
  }
  const fault = (what: string): void => ledger.fault(what)
  const all = new Map<string, string[]>()
  const committed = new Map<string, string[]>()
  for (const topic of TOPICS) {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      all.set(`${topic}-${partition}`, await readPlace(channel, { topic, partition, isCommitted: false, fault }))
      committed.set(`${topic}-${partition}`, await readPlace(channel, { topic, partition, isCommitted: true, fault }))
    }
  }
  ledger.check(all, committed, new Set(broker.topics().map(({ name }) => name)))
}
