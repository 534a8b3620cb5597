import { sleep } from '../../core/base/clock.ts'
import { messageOf } from '../../core/base/errors.ts'
import type { Consumer } from '../../core/client/consumer.ts'
import type { TopicPartition } from '../../core/client/types.ts'
import type { Settings } from '../options.ts'
import { keyOf } from '../slices.ts'
import type { Assigned, TaskMaker } from '../task-maker.ts'
import { applyChanges, type Changelog, changelogsOf, type Copy } from './copy.ts'

/** How long a poll waits for changes, in milliseconds. */
const POLL_MS = 100
/** Records that are taken in one go, so that the tasks that are worked on get their turn. */
const POLL_RECORDS_MAX = 1000
/** What may lie fetched and not yet taken, in bytes. */
const PREFETCH_BYTES = 1024 * 1024
/** How long to wait after an error, in milliseconds. */
const PAUSE_MS = 1000

/** A copy that the group wants here. */
export interface WantedCopy extends TopicPartition {
  /** It is made so that the task can come here. */
  readonly warmup: boolean
}

/** What a copy has of its changelogs, as sums of offsets. */
export interface CopyReport {
  readonly assigned: Assigned
  readonly offset: number
  readonly end: number
}

export interface StandbysOptions {
  readonly settings: Settings
  readonly pipeline: string
  readonly maker: TaskMaker
  /** A copy that was wanted for a move is good enough for that now. */
  readonly onWarm: () => void
}

interface Standby extends Copy {
  readonly changelogs: readonly Changelog[]
  isWarmup: boolean
}

/**
 * Copies of the state of tasks that others work on (Kafka Streams' StandbyTask): they follow the changelogs, and are taken over with little
 * to read. Committed records only, so a copy never has what its task may take back.
 */
export class Standbys {
  readonly #options: StandbysOptions
  readonly #standbys: Map<string, Standby>
  readonly #byChangelog: Map<string, { standby: Standby; changelog: Changelog }>
  #consumer: Consumer | undefined
  #running: Promise<void>
  #closed: boolean

  constructor(options: StandbysOptions) {
    this.#options = options
    this.#standbys = new Map()
    this.#byChangelog = new Map()
    this.#consumer = undefined
    this.#running = Promise.resolve()
    this.#closed = false
  }

  get size(): number {
    return this.#standbys.size
  }

  /** Records that the copies have not taken yet. */
  get lag(): number {
    let lag = 0
    for (const [key, { standby, changelog }] of this.#byChangelog) {
      const end = this.#consumer?.fetchedEnd(changelog) ?? Infinity
      lag += Math.max(0, end - (standby.positions.get(key) ?? 0))
    }
    return lag
  }

  /** Hands a copy over, to be worked on. */
  take(id: string): Copy | undefined {
    const standby = this.#standbys.get(id)
    if (standby !== undefined) this.#drop(standby)
    return standby
  }

  /**
   * From now on exactly these are kept.
   *
   * @param leftOver a task that was worked on here until now: it need not begin anew
   */
  keep(wanted: readonly WantedCopy[], leftOver: (id: string) => Copy | undefined): void {
    const ids = new Set<string>()
    for (const { topic, partition, warmup } of wanted) {
      const { maker } = this.#options
      // Others may run newer code.
      if (!maker.knows(topic)) continue
      const id = maker.idOf({ topic, partition })
      ids.add(id)
      const known = this.#standbys.get(id)
      if (known !== undefined) known.isWarmup = warmup
      else this.#add(leftOver(id) ?? { assigned: maker.makeWhole({ topic, partition }), positions: new Map() }, warmup)
    }
    for (const standby of this.#standbys.values()) if (!ids.has(standby.assigned.id)) this.#drop(standby)
    if (ids.size > 0 && this.#consumer === undefined && !this.#closed) this.#open()
    this.#follow()
  }

  /** How far the copies are; those of which the end is not known yet are left out. */
  reports(): CopyReport[] {
    return [...this.#standbys.values()].flatMap(({ assigned, changelogs, positions }) => {
      let [offset, end] = [0, 0]
      for (const changelog of changelogs) {
        const last = this.#consumer?.fetchedEnd(changelog)
        if (last === undefined) return []
        offset += positions.get(keyOf(changelog)) ?? 0
        end += last
      }
      return [{ assigned, offset, end }]
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#running
    await this.#consumer?.close()
  }

  #add(copy: Copy, isWarmup: boolean): void {
    const changelogs = changelogsOf(this.#options.settings, copy.assigned)
    const standby = { ...copy, changelogs, isWarmup }
    this.#standbys.set(copy.assigned.id, standby)
    for (const changelog of changelogs) this.#byChangelog.set(keyOf(changelog), { standby, changelog })
  }

  #drop({ assigned, changelogs }: Standby): void {
    this.#standbys.delete(assigned.id)
    for (const changelog of changelogs) this.#byChangelog.delete(keyOf(changelog))
  }

  #open(): void {
    this.#consumer = this.#options.settings.client.consumer({
      isolationLevel: 'read_committed',
      autoOffsetReset: 'earliest',
      maxPollRecords: POLL_RECORDS_MAX,
      prefetchBytes: PREFETCH_BYTES,
      fetchMaxBytes: PREFETCH_BYTES,
    })
    this.#running = this.#run(this.#consumer)
  }

  /** Reading goes on where each copy is. */
  #follow(): void {
    const partitions = [...this.#byChangelog].map(([key, { standby, changelog }]) => {
      const { topic, partition } = changelog
      return { topic, partition, offset: standby.positions.get(key) ?? ('earliest' as const) }
    })
    this.#consumer?.assign(partitions)
  }

  async #run(consumer: Consumer): Promise<void> {
    const { settings } = this.#options
    while (!this.#closed) {
      try {
        const batches = await consumer.poll(POLL_MS)
        for (const batch of batches) this.#apply(batch)
        this.#passMarkers(consumer)
        this.#tellWarm()
        if (batches.length > 0) await new Promise(setImmediate)
      } catch (error) {
        settings.logger.warn({ err: error }, `copies of state cannot be kept up to date just now: ${messageOf(error)}`)
        await sleep(settings.clock, PAUSE_MS)
      }
    }
  }

  #apply(batch: Parameters<typeof applyChanges>[2] & { readonly nextOffset: number }): void {
    const key = keyOf(batch)
    const found = this.#byChangelog.get(key)
    // Handed over, or not wanted any more, while this was on its way.
    if (found === undefined) return
    const { standby, changelog } = found
    try {
      applyChanges(this.#options.pipeline, changelog.store, batch)
      standby.positions.set(key, batch.nextOffset)
    } catch (error) {
      // Whoever works on the task cannot read it either, and says so.
      this.#options.settings.logger.warn({ err: error }, `a copy of state is given up: ${messageOf(error)}`)
      this.#drop(standby)
      this.#follow()
    }
  }

  /** Everything up to the consumer's position has been taken: what follows the last record is markers. */
  #passMarkers(consumer: Consumer): void {
    for (const [key, { standby, changelog }] of this.#byChangelog) {
      const position = consumer.position(changelog)
      if (position !== undefined) standby.positions.set(key, position)
    }
  }

  #tellWarm(): void {
    const { settings, onWarm } = this.#options
    const warm = this.reports().filter(({ offset, end }) => end - offset <= settings.acceptableRecoveryLag)
    let isNews = false
    for (const { assigned } of warm) {
      const standby = this.#standbys.get(assigned.id)!
      isNews ||= standby.isWarmup
      standby.isWarmup = false
    }
    if (isNews) onWarm()
  }
}
