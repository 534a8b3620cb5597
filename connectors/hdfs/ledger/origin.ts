import { MoldauError } from '../../../core/base/errors.ts'
import { ZERO_UUID } from '../../../core/base/uuid.ts'
import type { KafkaPosition, SourcePartition } from '../../types.ts'
import { chainName, type ChainContext } from './context.ts'
import type { Gap } from './entry.ts'
import type { Head } from './head.ts'

/** What to do when the topic is not what the ledger left. The default stops: a hole that nobody sees is worse than a sink that waits. */
export interface Policies {
  /** The directory, cluster or topic is another one with the same data at the same offsets. */
  readonly adopt: boolean
  /** The topic was made anew or cut: start again at its beginning. */
  readonly reset: boolean
  /** Retention has deleted records that were not archived. */
  readonly gap: 'stop' | 'record'
}

/** Where to go on, and what the next entry must say about it. */
export interface Origin {
  readonly position: KafkaPosition
  readonly gaps: readonly Gap[]
  /** Why the chain's position is set anew. */
  readonly reset: string | undefined
}

/** Step S4: compares the head with the topic. Throws LEDGER_MISMATCH, with both offsets and the option that goes on. */
export async function checkOrigin(
  context: ChainContext,
  head: Head,
  source: SourcePartition,
  clusterId: string,
  startAt: 'earliest' | 'latest',
  policies: Policies,
): Promise<Origin> {
  const last = head.stored?.entry.source
  if (last === undefined) {
    const offset = startAt === 'earliest' ? source.logStartOffset : source.logEndOffset
    return { position: { offset, leaderEpoch: -1 }, gaps: gapsBetween(0, offset, 'start'), reset: undefined }
  }
  const { next } = head
  const here = `${chainName(context)}: entry ${head.seq} ends at offset ${next}`
  const another = otherTopic(last, source, clusterId)
  if (another !== undefined && !policies.adopt) {
    if (policies.reset) return startAgain(source, another)
    throw new MoldauError(
      'LEDGER_MISMATCH',
      `${here} of ${another}, and the topic now has offsets ${source.logStartOffset} to ${source.logEndOffset}. If it holds the same records at the ` +
        'same offsets (a mirror), go on with adopt: true; if it is new, start again with reset: true',
    )
  }
  const end = await endNow(last.leaderEpoch, source, another !== undefined)
  if (end < next) {
    if (policies.reset) return startAgain(source, `the topic ended at ${end}, below ${next}`)
    throw new MoldauError(
      'LEDGER_MISMATCH',
      `${here}, and the topic ends at ${end} (leader epoch ${last.leaderEpoch}): it was cut or made anew. Start again at its beginning with reset: true`,
    )
  }
  if (source.logStartOffset > next && policies.gap === 'stop') {
    throw new MoldauError(
      'LEDGER_MISMATCH',
      `${here}, and the topic begins at ${source.logStartOffset}: retention has deleted offsets ${next} to ${source.logStartOffset - 1}, which were not ` +
        "archived. Go on without them, recording the gap, with gap: 'record'",
    )
  }
  const offset = Math.max(next, source.logStartOffset)
  const leaderEpoch = offset === next ? last.leaderEpoch : -1
  return { position: { offset, leaderEpoch }, gaps: gapsBetween(next, offset, 'retention'), reset: undefined }
}

function otherTopic(last: { clusterId: string; topicId: string }, source: SourcePartition, clusterId: string): string | undefined {
  if (last.clusterId !== clusterId) return `cluster ${last.clusterId} (this is ${clusterId})`
  const known = last.topicId !== '' && last.topicId !== ZERO_UUID && source.topicId !== '' && source.topicId !== ZERO_UUID
  return known && last.topicId !== source.topicId ? `topic id ${last.topicId} (it is ${source.topicId} now)` : undefined
}

/** Epochs say more than the end of the log, which may lag for a moment after a change of leader; another cluster has its own. */
async function endNow(leaderEpoch: number, source: SourcePartition, otherCluster: boolean): Promise<number> {
  if (leaderEpoch >= 0 && !otherCluster && source.endOffsetForEpoch !== undefined) {
    const end = await source.endOffsetForEpoch(leaderEpoch)
    if (end !== undefined) return end
  }
  return source.logEndOffset
}

function startAgain(source: SourcePartition, reason: string): Origin {
  return { position: { offset: source.logStartOffset, leaderEpoch: -1 }, gaps: [], reset: reason }
}

function gapsBetween(from: number, next: number, why: Gap['why']): Gap[] {
  return from < next ? [{ from, next, why }] : []
}
