import { connect, type Client, KafkaError, MoldauError, type Producer } from '../../core/index.ts'
import { AddOffsetsToTxn } from '../../core/protocol/messages/add-offsets-to-txn.ts'
import { AddPartitionsToTxn } from '../../core/protocol/messages/add-partitions-to-txn.ts'
import { EndTxn } from '../../core/protocol/messages/end-txn.ts'
import { Produce } from '../../core/protocol/messages/produce.ts'
import { TxnOffsetCommit } from '../../core/protocol/messages/txn-offset-commit.ts'
import { partitionsOf, readAll, valuesOf } from './client-kit.ts'
import { Fates } from './fates.ts'
import { HoldingProxy } from './holding-proxy.ts'
import { seededNumbers } from './seeded-numbers.ts'

export const TOPIC = 'late'
export const PARTITIONS = 3

/** The calls of a transaction: held back until their client has lost patience. */
const heldCalls = [EndTxn, AddPartitionsToTxn, AddOffsetsToTxn, TxnOffsetCommit, Produce]

export interface LateOptions {
  readonly port: number
  readonly seed: number
  /** How many transactions there are to be, over all producers. */
  readonly transactions: number
  readonly producers: number
  readonly transactionVersion: 1 | 2
  /** How often each call is held back: 0 to 1. */
  readonly share: number
  /** How long a client waits for an answer. Milliseconds. */
  readonly requestTimeoutMs: number
}

export interface LateResult {
  readonly faults: string[]
  readonly committed: number
  readonly aborted: number
  /** Requests that were delivered late, by the name of the call. */
  readonly late: Readonly<Record<string, number>>
  readonly lostAnswers: number
  /** Producers that had to be made anew, by the reason. */
  readonly renewed: Readonly<Record<string, number>>
}

function holdingProxy(options: Omit<LateOptions, 'transactions' | 'producers'>): Promise<HoldingProxy> {
  const { port, seed, share, transactionVersion, requestTimeoutMs } = options
  return HoldingProxy.start({
    target: port,
    random: seededNumbers(seed),
    shares: new Map(heldCalls.map(({ key }) => [key, share])),
    lateMsMax: requestTimeoutMs * 4,
    patienceMs: requestTimeoutMs * 20,
    transactionVersion,
  })
}

function lateByName(proxy: HoldingProxy): Record<string, number> {
  return Object.fromEntries(heldCalls.map(({ key, name }) => [name, proxy.late.get(key) ?? 0]))
}

/** What a run with late requests has to do with whoever makes them. */
export interface LateRun {
  readonly proxyPort: number
  readonly fates: Fates
  readonly faults: string[]
  /** One for each producer. */
  readonly ids: readonly string[]
  /** A producer had to be made anew. */
  renew(reason: string): void
}

/** Has `transact` run transactions through a network that keeps requests back and delivers them when the client has gone on: none may be torn. */
export async function withLateRequests(options: LateOptions, transact: (run: LateRun) => Promise<void>): Promise<LateResult> {
  const direct = await connect(`127.0.0.1:${options.port}`)
  const proxy = await holdingProxy(options)
  const fates = new Fates()
  const faults: string[] = []
  const renewed: Record<string, number> = {}
  const renew = (reason: string): void => void (renewed[reason] = (renewed[reason] ?? 0) + 1)
  const ids = Array.from({ length: options.producers }, (_, i) => `p${i}`)
  try {
    await direct.admin.createTopics([{ name: TOPIC, partitions: PARTITIONS, configs: {} }])
    await transact({ proxyPort: proxy.port, fates, faults, ids, renew })
    await proxy.calm()
    // Whoever comes next aborts what was left open.
    for (const transactionalId of ids) await direct.producer({ transactionalId }).init()
    await checkOffsets(direct, ids, fates, faults)
    faults.push(...fates.check(valuesOf(await readAll(direct, TOPIC, PARTITIONS)).map(String)))
    const { lostAnswers } = proxy
    return { faults, committed: fates.count('committed'), aborted: fates.count('aborted'), late: lateByName(proxy), lostAnswers, renewed }
  } finally {
    await proxy.close()
    await direct.close()
  }
}

/** {@link withLateRequests} with our own client. */
export function lateRequests(options: LateOptions): Promise<LateResult> {
  return withLateRequests(options, async ({ proxyPort, fates, ids, renew }) => {
    let left = options.transactions
    const run = async (id: string, random: () => number): Promise<void> => {
      for (let number = 0; left > 0;) {
        const client = await connect(`127.0.0.1:${proxyPort}`, {
          clientId: id,
          requestTimeoutMs: options.requestTimeoutMs,
          bootstrapTimeoutMs: 60_000,
          retryBackoffMs: 5,
          retryBackoffMaxMs: 50,
        })
        const producer = client.producer({ transactionalId: id, lingerMs: 0, requestTimeoutMs: options.requestTimeoutMs })
        try {
          while (left-- > 0) await transact(producer, id, number++, fates, random)
        } catch (error) {
          if (!(error instanceof MoldauError) && !(error instanceof KafkaError)) throw error
          renew((error as KafkaError).kafkaCode ?? error.code)
        }
        void producer.close(0).catch(() => {})
        await client.close()
      }
    }
    await Promise.all(ids.map((id, i) => run(id, seededNumbers(options.seed * 1000 + i))))
  })
}

/** A record into each partition, a position of a group, and an end. Throws when the producer is of no use any more. */
async function transact(producer: Producer, id: string, number: number, fates: Fates, random: () => number): Promise<void> {
  const name = `${id}/${number}`
  const values = Array.from({ length: PARTITIONS }, (_, i) => `${name}/${i}`)
  const commits = random() < 0.6
  fates.begin(name, values)
  producer.begin()
  try {
    for (const [partition, value] of values.entries()) {
      // One after the other: each may begin the transaction, or come when it is over.
      await producer.send({ topic: TOPIC, partition, value })
    }
    const group = { groupId: id, generation: -1, memberId: '', groupInstanceId: null }
    await producer.sendOffsets([{ ...partitionsOf(TOPIC, 1)[0]!, offset: number + 1 }], group)
    if (commits) {
      fates.note(name, 'ending')
      await producer.commit()
      return fates.note(name, 'committed')
    }
  } catch (error) {
    if (error instanceof MoldauError && error.code === 'FENCED') throw error
  }
  await producer.abort()
  // A commit whose answer is not known has been decided before, if at all: an abort says nothing of it.
  if (fates.fateOf(name) === 'open') fates.note(name, 'aborted')
}

/** The position of each group is that of the newest transaction that committed. */
async function checkOffsets(client: Client, ids: readonly string[], fates: Fates, faults: string[]): Promise<void> {
  for (const id of ids) {
    const newest = fates.newest(id, 'committed')
    const maybe = fates.newest(id, 'ending')
    const [found] = await client.admin.listConsumerGroupOffsets(id)
    const offset = found?.offset ?? 0
    if (offset !== newest + 1 && !(maybe > newest && offset === maybe + 1)) {
      faults.push(`OFFSET of ${id} is ${offset}, the newest transaction that committed is ${newest}`)
    }
  }
}
