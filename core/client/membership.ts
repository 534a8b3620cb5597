import type { TopicPartition } from '../cluster/topic-partition.ts'
import type { KafkaError } from '../protocol/errors.ts'
import type { GroupMetadata } from './types.ts'

/** The topics that a member wants: by name, or all whose name matches. */
export type Subscription = readonly string[] | RegExp

/** A partition that the group means for this member. */
export interface MeantPartition extends TopicPartition {
  /** Where the group tells it: a topic that was created again under its name is another one. */
  topicId?: string
}

/**
 * What one member of a group is to the consumer: the classic protocol and that of KIP-848 stand behind it. It keeps itself alive, and says what
 * is {@link Membership.due}; the one who polls gives up and receives partitions, when it is ready to.
 */
export interface Membership {
  /** One object per generation: a batch carries the one that it was handed out under. */
  readonly metadata: GroupMetadata
  /** Membership has ended for good: why. */
  readonly fatal: Error | undefined
  /** A rebalance is to be seen to. */
  readonly due: boolean
  /** The partitions have gone to others already. */
  readonly lost: boolean
  subscribe(subscription: Subscription): void
  /** The group is to be shared out anew, though nothing that it knows of has changed. */
  enforceRebalance(): void
  /** The program is alive: a member that does not poll for `maxPollIntervalMs` leaves. */
  polled(): void
  /** What of these partitions need not be given up before {@link Membership.join}. */
  keeps(held: readonly TopicPartition[]): readonly TopicPartition[]
  /**
   * Takes part in the rebalance that is due. Resolves with the partitions that are meant for this member, undefined when what it held is
   * {@link Membership.lost}.
   */
  join(held: readonly TopicPartition[]): Promise<readonly MeantPartition[] | undefined>
  /** The member holds exactly these partitions now. @param revoked whether it has given others up for that */
  reconciled(held: readonly MeantPartition[], revoked: boolean): void
  /**
   * A request of this generation was refused by the coordinator.
   *
   * @returns whether a younger generation is on its way, with which partitions that are held all the while can be committed
   */
  refused(error: KafkaError, group: GroupMetadata): boolean
  /** Ends membership. @param leave false: the member only goes away, and keeps its partitions until its session times out */
  close(leave: boolean): Promise<void>
}
