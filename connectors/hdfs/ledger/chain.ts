import { assert } from '../../../core/base/assert.ts'
import { MoldauError } from '../../../core/base/errors.ts'
import type { RandomBytes } from '../../../core/base/uuid.ts'
import type { KafkaPosition, ReportedPosition, SourcePartition } from '../../types.ts'
import type { FileSystem } from '../fs/types.ts'
import { freeCovered, newestCheckpoint, publishCheckpoint } from './checkpoint.ts'
import { attemptDead, chainName, type ChainContext } from './context.ts'
import { entryAfter, type CompleteDraft, type Draft } from './draft.ts'
import type { Entry, Gap, StoredEntry } from './entry.ts'
import { findHead, type Head } from './head.ts'
import { ensureIdentity, parseReport, type ReportMetadata, type SinkIdentity } from './identity.ts'
import { chainPaths, stagingName, type ChainPaths, type StagingName } from './names.ts'
import { checkOrigin, type Origin, type Policies } from './origin.ts'
import { putEntry } from './put.ts'
import { rollForward } from './roll-forward.ts'
import { rules as soundRules, type LedgerRules } from './rules.ts'
import { sweep } from './sweep.ts'

export interface ChainOptions {
  readonly fs: FileSystem
  readonly sink: string
  readonly topic: string
  readonly partition: number
  readonly clusterId: string
  readonly pipeline: string
  readonly startAt: 'earliest' | 'latest'
  readonly policies: Policies
  readonly writer: Entry['writer']
  readonly random: RandomBytes
  /** Wall time, for the `at` of entries. */
  readonly now: () => number
  readonly report: (position: ReportedPosition) => void
  /** Entries between two checkpoints; default 100. */
  readonly checkpointEvery?: number
  readonly rules?: LedgerRules
}

interface Attempt extends StagingName {
  /** The staging directory, from the sink's directory on. */
  readonly directory: string
  readonly identity: SinkIdentity
  readonly source: SourcePartition
  gaps: readonly Gap[]
  head: Head
  /** Nothing may follow: the attempt lost its slot, or a call failed. */
  over: boolean
  swept: boolean
}

const CHECKPOINT_EVERY = 100

/**
 * The ledger of one topic-partition, as its owner sees it: {@link Chain.start} (steps S1 to S5 of docs/ledger.md), then
 * {@link Chain.commit} (C2 to C8) any number of times, one at a time. After an error only `start` may follow.
 */
export class Chain {
  readonly paths: ChainPaths
  readonly #options: ChainOptions
  readonly #context: ChainContext
  #attempt: Attempt | undefined

  constructor(options: ChainOptions) {
    this.paths = chainPaths(options.sink, options.topic, options.partition)
    this.#options = options
    this.#context = {
      fs: options.fs,
      paths: this.paths,
      topic: options.topic,
      partition: options.partition,
      rules: options.rules ?? soundRules,
    }
    this.#attempt = undefined
  }

  /** The position behind the last commit. */
  get next(): number {
    return this.#known().head.next
  }

  /** The attempt's random name; part of every file's name. */
  get attempt(): string {
    return this.#known().attempt
  }

  /** Where file `n` of this attempt is staged, as entries say it (from the chain's directory on). */
  stagedName(n: number): string {
    return `staging/${stagingName(this.#known())}/${n}.avro`
  }

  /** The path that {@link Chain.stagedName} means, from the sink's directory on. */
  stagedPath(n: number): string {
    return `${this.paths.chain}/${this.stagedName(n)}`
  }

  finalName(first: number, last: number, n: number): string {
    return this.#context.rules.finalName(this.#options.topic, this.#options.partition, first, last, this.#known().attempt, n)
  }

  /** Finishes what was committed last, and answers where to go on. */
  async start(source: SourcePartition, reported: ReportedPosition | undefined): Promise<KafkaPosition> {
    const { fs } = this.#options
    this.#attempt = undefined
    const report = reported === undefined ? undefined : parseReport(reported.metadata)
    // S1
    const identity = await ensureIdentity({ ...this.#options, adopt: this.#options.policies.adopt }, report)
    if ((await fs.status(this.paths.ledger)) === undefined) await this.#makeDirectories()
    // S2
    const head = await findHead(this.#context, identity.uuid)
    this.#checkReport(head, report)
    // S3
    if (head.stored !== undefined && head.seq > head.checkpoint) await this.#finish(head.stored)
    // S4
    const { clusterId, startAt, policies } = this.#options
    const origin = await checkOrigin(this.#context, head, source, clusterId, startAt, policies)
    // S5
    const attempt = this.#options.random(Buffer.alloc(8)).toString('hex')
    const name = { base: head.seq, attempt }
    const directory = `${this.paths.staging}/${stagingName(name)}`
    await fs.mkdirs(directory)
    this.#attempt = { ...name, directory, identity, source, gaps: origin.gaps, head, over: false, swept: false }
    if (origin.reset !== undefined) await this.#reset(origin, origin.reset)
    return origin.position
  }

  /** Publishes an entry at the next number; true of the files in it from the moment of the put. */
  async commit(draft: Draft): Promise<StoredEntry> {
    const { gaps } = this.#current()
    const gapped = gaps.reduce((sum, gap) => sum + gap.next - gap.from, 0)
    const holes = draft.next - this.next - draft.records - draft.filtered - draft.deadLettered - gapped
    assert(draft.kind !== undefined || holes >= 0, `${chainName(this.#context)}: more records than offsets before ${draft.next}`)
    const kind = draft.kind ?? (draft.files.length === 0 && gaps.length > 0 ? 'gap' : 'data')
    return await this.#publish({ ...draft, kind, gaps, reason: gaps.length === 0 ? null : 'offsets that the topic no longer had' })
  }

  /** Deletes what dead attempts left; called by commits, now and then. */
  async sweep(committed: number | undefined): Promise<void> {
    await sweep(this.#context, this.#current(), committed)
  }

  /**
   * What a failure to stage or to put means: when this attempt's directory is gone, it was swept by an owner who has committed since, and
   * the attempt is dead, whatever the store said.
   */
  async explain(error: unknown): Promise<unknown> {
    if (!(error instanceof MoldauError) || error.code !== 'STORAGE_FAILED') return error
    const { directory, base } = this.#known()
    const there = await this.#options.fs.status(directory).catch(() => 'not known')
    return there === undefined ? attemptDead(this.#context, base + 1, 'this attempt was swept by an owner who has put') : error
  }

  /** Ends the attempt. What it staged is left for the next one's sweep. */
  end(): void {
    if (this.#attempt !== undefined) this.#attempt.over = true
  }

  async #publish(draft: CompleteDraft): Promise<StoredEntry> {
    const attempt = this.#current()
    const { clusterId, topic, partition, writer, now } = this.#options
    const source = { clusterId, topic, topicId: attempt.source.topicId, partition }
    const { uuid: sink } = attempt.identity
    const stored = entryAfter({ ...attempt, source, sink, writer, at: new Date(now()).toISOString() }, draft)
    attempt.over = true
    await putEntry(this.#context, stored, attempt.directory)
    // C7
    if (this.#context.rules.moveBeforeNextPut()) await rollForward(this.#context, stored)
    const { seq, next } = stored.entry
    attempt.head = { ...attempt.head, seq, next, stored }
    attempt.gaps = []
    attempt.over = false
    this.#report(attempt, stored.entry)
    await this.#tidy(attempt, stored)
    return stored
  }

  #report(attempt: Attempt, entry: Entry): void {
    const metadata: ReportMetadata = { uuid: attempt.identity.uuid, seq: String(entry.seq) }
    const { topic, partition, leaderEpoch } = entry.source
    this.#options.report({ topic, partition, offset: entry.next, leaderEpoch, metadata: JSON.stringify(metadata) })
  }

  /** Garbage is made by restarts and by checkpoints, so that is when it is looked for. */
  async #tidy(attempt: Attempt, stored: StoredEntry): Promise<void> {
    const { seq } = stored.entry
    const due = seq - attempt.head.checkpoint >= (this.#options.checkpointEvery ?? CHECKPOINT_EVERY)
    if (!attempt.swept || due) await this.sweep(seq)
    attempt.swept = true
    if (!due) return
    const published = await publishCheckpoint(this.#context, stored, attempt.head.checkpoint, attempt)
    if (published) await freeCovered(this.#context, seq)
    attempt.head = { ...attempt.head, checkpoint: published ? seq : await newestCheckpoint(this.#context) }
  }

  async #reset(origin: Origin, reason: string): Promise<void> {
    const { offset } = origin.position
    const nothing = { records: 0, filtered: 0, deadLettered: 0, files: [], gaps: [] }
    await this.#publish({ kind: 'reset', next: offset, leaderEpoch: -1, logStart: offset, reason, ...nothing })
  }

  async #finish(stored: StoredEntry): Promise<void> {
    // The put may have been seen before it was on disk; files must not be moved for an entry that could still vanish.
    await this.#options.fs.sync([this.paths.ledger])
    try {
      await rollForward(this.#context, stored)
    } catch (error) {
      const expired = error instanceof MoldauError && error.code === 'FILE_MISSING' && this.#options.policies.adopt
      if (!expired) throw error
    }
  }

  async #makeDirectories(): Promise<void> {
    const { fs } = this.#options
    // The ledger's own last: where it is, all are.
    for (const path of [this.paths.staging, this.paths.archive, this.paths.checkpoint, this.paths.ledger]) await fs.mkdirs(path)
  }

  #checkReport(head: Head, report: ReportMetadata | undefined): void {
    if (report === undefined || head.seq >= Number(report.seq) || this.#options.policies.adopt) return
    throw new MoldauError(
      'LEDGER_MISMATCH',
      `${chainName(this.#context)}: the ledger ends at entry ${head.seq}, and the consumer group was told of entry ${report.seq}: an older copy of the ` +
        'directory was restored, or entries were deleted. With adopt: true the export goes on from here',
    )
  }

  /** An attempt that may go on. */
  #current(): Attempt {
    const attempt = this.#known()
    if (attempt.over) throw new MoldauError('CLOSED', `${chainName(this.#context)}: this attempt is over; start again`)
    return attempt
  }

  /** Also while it commits: the next files are staged meanwhile. */
  #known(): Attempt {
    assert(this.#attempt !== undefined, 'a chain is used before it was started')
    return this.#attempt
  }
}
