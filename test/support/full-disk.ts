import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { connect } from '../../core/index.ts'
import type { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { Metadata } from '../../core/protocol/messages/metadata.ts'
import { OffsetCommit } from '../../core/protocol/messages/offset-commit.ts'
import { nextOffset } from '../../core/record/batch.ts'
import { batches } from '../../core/record/records.ts'
import { ChildBroker, type Teardown } from './child-broker.ts'
import type { SmallDisk } from './small-disk.ts'
import { batch, createTopic, fetchFrom, listing, produce } from './wire.ts'

const config = {
  durability: 'disk',
  'offsets.topic.num.partitions': 1,
  'transaction.state.log.num.partitions': 1,
  // Small, so that segments, indexes and snapshots are begun on a disk that has no room for them.
  'log.segment.bytes': 1024 * 1024,
  'offsets.topic.segment.bytes': 20_000,
}
/** Sent while the disk is full. */
const REFUSALS = 20

export interface FullDiskOptions {
  readonly t: Teardown
  readonly disk: SmallDisk
  /** Times that the disk is filled. */
  readonly rounds: number
  /** Made free after each. */
  readonly megabytesPerRound: number
  /** Kill the broker with -9 while the disk is full in so many of the rounds, from 0 to 1. */
  readonly killShare: number
  readonly random: () => number
}

export interface FullDisk {
  readonly faults: readonly string[]
  readonly records: number
  readonly kills: number
  /** From the moment when there was room to the first record that was taken, at most. */
  readonly slowestRecoveryMs: number
}

/**
 * Fills a disk under a broker again and again, in the hands of an idempotent producer, a group that consumes and one that commits: nothing is
 * acknowledged that is not there, reads and members are served meanwhile, and everything goes on by itself when there is room.
 */
export async function fillDisk(options: FullDiskOptions): Promise<FullDisk> {
  const { t, disk, rounds, megabytesPerRound, killShare, random } = options
  const faults: string[] = []
  const check = (isSo: boolean, what: string): void => void (isSo || faults.push(what))
  const broker = new ChildBroker(t, join(disk.path, 'data'), config)
  await broker.start()
  let channel = await broker.dial()
  await createTopic(channel, 'a')
  const client = await connect(`127.0.0.1:${broker.port}`, { retryBackoffMs: 20, retryBackoffMaxMs: 200 })
  const consumer = client.consumer({ groupId: 'g', autoOffsetReset: 'earliest' })
  let assignments = 0
  consumer.subscribe(['a'], { onAssigned: () => void assignments++ })
  const consumed = new Set<number>()
  const consuming = (async () => {
    for await (const got of consumer) {
      for (let i = 0; i < got.count; i++) consumed.add(Number(String(got.columns.value(got.from + i)).split(' ')[0]))
    }
  })().catch(() => {})
  const ids = { producerId: 77, producerEpoch: 0 }
  let next = 0
  let committed = 0
  let kills = 0
  let slowestRecoveryMs = 0
  let size = 100_000
  // A repetition is the same batch: the size is drawn anew only when it was taken.
  const send = async (): Promise<string> => {
    // Of now: a full disk is a reason to look for what is due by its age.
    const records = batch([`${next} ${'x'.repeat(size)}`], { ...ids, baseSequence: next }, Date.now())
    const { error } = await produce(channel, 'a', records)
    if (error !== 'NONE') return error
    next++
    size = 1000 + Math.floor(random() * 150_000)
    return error
  }
  const commit = async (): Promise<string> => {
    const error = await commitOf(channel, committed + 1)
    if (error === 'NONE') committed++
    return error
  }
  const readAll = async (where: string): Promise<void> => {
    const found = await numbers(channel)
    const wrong = found.findIndex((number, i) => number !== i)
    check(found.length === next && wrong === -1, `${where}: ${found.length} records instead of ${next}, the first wrong one is ${wrong}`)
  }

  for (let round = 0; round < rounds && faults.length === 0; round++) {
    let error = 'NONE'
    while (error === 'NONE') {
      error = await send()
      if (error === 'NONE' && random() < 0.3) await commit()
    }
    check(error === 'KAFKA_STORAGE_ERROR', `a full disk is ${error}`)
    for (let i = 0; i < REFUSALS; i++) {
      error = await send()
      check(error === 'KAFKA_STORAGE_ERROR' || error === 'NONE', `a full disk is ${error}`)
      const answer = await commit()
      check(answer === 'NONE' || answer === 'COORDINATOR_NOT_AVAILABLE', `a commit on a full disk is ${answer}`)
    }
    await readAll('full')
    check((await channel.request(Metadata, 12, { topics: null })).topics[0]?.errorCode === 0, 'metadata on a full disk')
    // What is left is too little for a batch; now there is nothing at all.
    const giveBack = disk.fill()
    const made = await createTopic(channel, `b${round}`).then(() => 'made', String)
    check(/KAFKA_STORAGE_ERROR/.test(made), `a topic on a disk without a byte: ${made}`)
    await readAll('without a byte')
    if (random() < killShare) {
      kills++
      await broker.kill()
      channel.close()
      giveBack()
      disk.free(megabytesPerRound)
      await broker.start()
      channel = await broker.dial()
      await readAll('killed while full')
    } else {
      giveBack()
      disk.free(megabytesPerRound)
    }
    const freed = performance.now()
    do {
      await wait(50)
      error = await send()
    } while (error === 'KAFKA_STORAGE_ERROR')
    slowestRecoveryMs = Math.max(slowestRecoveryMs, performance.now() - freed)
    check(error === 'NONE', `after there was room: ${error}`)
    for (let i = 0; i < 10; i++) check((await send()) === 'NONE', 'a record when there is room')
    for (error = ''; error !== 'NONE'; error = await commit()) if (error !== '') await wait(50)
    await createTopic(channel, `c${round}`)
    await readAll('room again')
  }
  const end = next
  for (let patience = 600; consumed.size < end && patience > 0; patience--) await wait(50)
  check(consumed.size === end, `${consumed.size} of ${end} records were consumed`)
  if (kills === 0) check(assignments === 1, `the group was given its partitions ${assignments} times`)
  await client.close()
  await consuming
  await broker.kill()
  channel.close()
  await broker.start()
  channel = await broker.dial()
  await readAll('at the end')
  channel.close()
  await broker.kill()
  return { faults, records: next, kills, slowestRecoveryMs }
}

/** Commits a position of a group without members. */
async function commitOf(channel: Channel, committedOffset: number): Promise<string> {
  const topics = [{ name: 'a', partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: 'x'.repeat(1000) }] }]
  const answer = await channel.request(OffsetCommit, 8, { groupId: 'h', memberId: '', generationIdOrMemberEpoch: -1, topics })
  return errorName(answer.topics[0]!.partitions[0]!.errorCode)
}

/** Numbers of the records, in order. */
async function numbers(channel: Channel): Promise<number[]> {
  const found: number[] = []
  for (let offset = 0; ;) {
    const fetched = await fetchFrom(channel, 'a', offset, { maxWaitMs: 100 })
    const records = fetched.records ?? Buffer.alloc(0)
    if (records.length === 0) return found
    for (const line of listing(fetched)) found.push(Number(line.split(':')[1]!.split(' ')[0]))
    for (const at of batches(records)) offset = nextOffset(records, at)
  }
}
