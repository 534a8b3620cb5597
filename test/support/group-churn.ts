import { systemClock } from '../../core/base/clock.ts'
import { Channel } from '../../core/net/channel.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { ConsumerGroupDescribe } from '../../core/protocol/messages/consumer-group-describe.ts'
import { ConsumerGroupHeartbeat } from '../../core/protocol/messages/consumer-group-heartbeat.ts'
import { OffsetCommit } from '../../core/protocol/messages/offset-commit.ts'
import { OffsetFetch } from '../../core/protocol/messages/offset-fetch.ts'
import { seededNumbers } from './seeded-numbers.ts'

const GROUP = 'churn'
const TOPIC = 't'

/** What was committed of each partition, in order: every commit has to begin where the one before it ended. */
class Ledger {
  readonly faults: string[]
  readonly #ends: Map<number, Set<number>>
  commits: number

  constructor() {
    this.faults = []
    this.#ends = new Map()
    this.commits = 0
  }

  /** A member begins to read where the group was: at the end of the last commit, or of one whose answer did not come. */
  begin(who: string, partition: number, offset: number): void {
    const ends = this.#ends.get(partition) ?? new Set([0])
    if (!ends.has(offset)) this.faults.push(`${who} begins partition ${partition} at ${offset}, committed was ${[...ends].join(' or ')}`)
    this.#ends.set(partition, new Set([offset]))
  }

  commit(who: string, partition: number, from: number, to: number): void {
    this.commits++
    const ends = this.#ends.get(partition) ?? new Set([0])
    if (!ends.has(from))
      this.faults.push(`${who} commits ${from} to ${to} of partition ${partition}, committed was ${[...ends].join(' or ')}`)
    this.#ends.set(partition, new Set([to]))
  }

  /** A commit was sent, and no answer came. */
  perhaps(partition: number, to: number): void {
    this.#ends.set(partition, new Set([...(this.#ends.get(partition) ?? [0]), to]))
  }
}

export interface ChurnOptions {
  readonly port: number
  readonly topicId: string
  readonly partitions: number
  readonly members: number
  readonly seed: number
  /** Members that join, leave or die, one after the other. */
  readonly changes: number
  /** Session timeout of the group: how long a member that freezes is missed. Milliseconds. */
  readonly sessionMs: number
  /** Kills the broker and starts it again on its port. */
  readonly restart: () => Promise<void>
  /** After so many changes each time; 0 for never. */
  readonly restartEvery: number
}

export interface ChurnResult {
  readonly faults: string[]
  readonly commits: number
  readonly joins: number
  /** Milliseconds until all partitions were owned again, after each change. */
  readonly settled: number[]
}

/** A member of the new protocol that reads and commits: it does not leave a partition before its commit is answered, and begins where the group is. */
class Worker {
  readonly name: string
  readonly instanceId: string | null
  readonly #options: ChurnOptions
  readonly #ledger: Ledger
  readonly owned: Map<number, number>
  #channel: Channel | undefined
  #epoch: number
  #joined: boolean
  #owns: number[] | null
  #running: boolean
  /** Resolves when it goes on; undefined while it runs. */
  #frozen: Promise<void> | undefined
  readonly #done: Promise<void>

  constructor(name: string, instanceId: string | null, options: ChurnOptions, ledger: Ledger) {
    this.name = name
    this.instanceId = instanceId
    this.#options = options
    this.#ledger = ledger
    this.owned = new Map()
    this.#channel = undefined
    this.#epoch = 0
    this.#joined = false
    this.#owns = null
    this.#running = true
    this.#frozen = undefined
    this.#done = this.#work()
  }

  get isFrozen(): boolean {
    return this.#frozen !== undefined
  }

  /** Stops in the middle of everything, as a process does that gets no time, and goes on later as if nothing had happened. */
  freeze(ms: number): void {
    this.#frozen = new Promise((resolve) => setTimeout(resolve, ms))
  }

  async #work(): Promise<void> {
    while (this.#running) {
      try {
        if (this.#frozen !== undefined) {
          await this.#frozen
          // Others own its partitions by now: what it still does there must not count.
          for (const partition of this.owned.keys()) await this.#advance(partition)
          this.#frozen = undefined
        }
        this.#channel ??= new Channel(await tcpDialer().dial('127.0.0.1', this.#options.port), { clientId: this.name, clock: systemClock })
        await this.#beat()
        for (const partition of this.owned.keys()) await this.#advance(partition)
      } catch {
        this.#frozen = undefined
        // The broker is gone: another connection, everything said again.
        this.#channel?.close()
        this.#channel = undefined
        this.#owns = [...this.owned.keys()]
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async #beat(): Promise<void> {
    const { topicId } = this.#options
    const joins = !this.#joined
    if (joins) this.owned.clear()
    const answer = await this.#channel!.request(ConsumerGroupHeartbeat, 1, {
      groupId: GROUP,
      memberId: this.name,
      memberEpoch: joins ? 0 : this.#epoch,
      instanceId: this.instanceId,
      rebalanceTimeoutMs: 30_000,
      subscribedTopicNames: [TOPIC],
      topicPartitions: joins ? [] : [{ topicId, partitions: this.#owns ?? [...this.owned.keys()] }],
    })
    if (!this.#running) return
    const error = errorName(answer.errorCode)
    if (error === 'FENCED_MEMBER_EPOCH' || error === 'UNKNOWN_MEMBER_ID' || error === 'FENCED_INSTANCE_ID') {
      this.owned.clear()
      this.#joined = false
    }
    if (error !== 'NONE') return
    this.#joined = true
    this.#epoch = answer.memberEpoch
    this.#owns = null
    if (answer.assignment === null) return
    const assigned = new Set(answer.assignment.topicPartitions.flatMap(({ partitions }) => partitions))
    for (const partition of this.owned.keys()) if (!assigned.has(partition)) this.owned.delete(partition)
    for (const partition of assigned) if (!this.owned.has(partition)) await this.#begin(partition)
  }

  async #begin(partition: number): Promise<void> {
    const { topicId } = this.#options
    const topics = [{ topicId, partitionIndexes: [partition] }]
    const { groups } = await this.#channel!.request(OffsetFetch, 10, {
      groups: [{ groupId: GROUP, memberId: this.name, memberEpoch: this.#epoch, topics }],
    })
    if (groups[0]!.errorCode !== 0 || !this.#running) return
    const offset = Math.max(groups[0]!.topics[0]!.partitions[0]!.committedOffset, 0)
    this.#ledger.begin(this.name, partition, offset)
    this.owned.set(partition, offset)
  }

  async #advance(partition: number): Promise<void> {
    const { topicId } = this.#options
    const from = this.owned.get(partition)!
    const to = from + 1
    const commit = { partitionIndex: partition, committedOffset: to, committedLeaderEpoch: -1, committedMetadata: '' }
    let code: number
    try {
      const answer = await this.#channel!.request(OffsetCommit, 10, {
        groupId: GROUP,
        generationIdOrMemberEpoch: this.#epoch,
        memberId: this.name,
        groupInstanceId: this.instanceId,
        topics: [{ topicId, partitions: [commit] }],
      })
      code = answer.topics[0]!.partitions[0]!.errorCode
    } catch (error) {
      this.#ledger.perhaps(partition, to)
      // Whether it was taken is not known: begin again where the group is.
      this.owned.delete(partition)
      this.#joined = false
      throw error
    }
    if (code === 0) {
      this.#ledger.commit(this.name, partition, from, to)
      if (this.owned.has(partition)) this.owned.set(partition, to)
    } else if (errorName(code) === 'UNKNOWN_MEMBER_ID') {
      this.owned.clear()
      this.#joined = false
    }
  }

  /** Ends without a word, as a process that is killed. */
  async die(): Promise<void> {
    this.#running = false
    await this.#done.catch(() => {})
    this.owned.clear()
    this.#channel?.close()
  }

  async leave(): Promise<void> {
    this.#running = false
    await this.#done.catch(() => {})
    this.owned.clear()
    const memberEpoch = this.instanceId === null ? -1 : -2
    const request = {
      groupId: GROUP,
      memberId: this.name,
      memberEpoch,
      instanceId: this.instanceId,
      rebalanceTimeoutMs: -1,
      topicPartitions: null,
    }
    try {
      await this.#channel?.request(ConsumerGroupHeartbeat, 1, request)
    } catch {
      // The broker is gone: the session will end.
    }
    this.#channel?.close()
  }
}

/** Members come, go and die, the broker is killed: every offset of every partition is committed once, and in order. */
export async function churn(options: ChurnOptions): Promise<ChurnResult> {
  const random = seededNumbers(options.seed)
  const below = (n: number): number => Math.floor(random() * n)
  const ledger = new Ledger()
  const workers: Worker[] = []
  const settled: number[] = []
  let joins = 0
  const join = (): void => {
    const taken = new Set(workers.map(({ instanceId }) => instanceId))
    const instance = below(3) === 0 ? `i${below(options.members)}` : null
    workers.push(new Worker(`m${++joins}`, instance !== null && taken.has(instance) ? null : instance, options, ledger))
  }
  const whole = (): boolean => {
    const owned = workers.flatMap((worker) => (worker.isFrozen ? [] : [...worker.owned.keys()]))
    return owned.length === options.partitions && new Set(owned).size === options.partitions
  }
  const settle = async (): Promise<void> => {
    const began = performance.now()
    for (let tries = 0; !whole(); tries++) {
      if (tries > 6000)
        throw new Error(
          `not all partitions are owned: ${workers.map(({ name, owned }) => `${name} ${[...owned.keys()].join()}`).join('; ')}`,
        )
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    settled.push(performance.now() - began)
  }
  try {
    while (workers.length < options.members) join()
    await settle()
    for (let change = 1; change <= options.changes; change++) {
      const kind = change % 4 === 2 ? 4 : below(4)
      if (kind === 4) workers[below(workers.length)]!.freeze(options.sessionMs * 1.5)
      else if (kind === 0 || workers.length < options.members / 2) join()
      else {
        const [worker] = workers.splice(below(workers.length), 1)
        await (kind === 1 ? worker!.die() : worker!.leave())
      }
      if (options.restartEvery > 0 && change % options.restartEvery === 0) await options.restart()
      // Half of the changes meet a group that has not come to rest.
      if (below(2) === 0) await settle()
    }
    await settle()
    await describeOnce(options)
  } finally {
    await Promise.all(workers.map((worker) => worker.die()))
  }
  return { faults: ledger.faults, commits: ledger.commits, joins, settled }
}

async function describeOnce({ port }: ChurnOptions): Promise<void> {
  const channel = new Channel(await tcpDialer().dial('127.0.0.1', port), { clientId: 'admin', clock: systemClock })
  const { groups } = await channel.request(ConsumerGroupDescribe, 1, { groupIds: [GROUP], includeAuthorizedOperations: false })
  channel.close()
  if (groups[0]!.errorCode !== 0) throw new Error(errorName(groups[0]!.errorCode))
}
