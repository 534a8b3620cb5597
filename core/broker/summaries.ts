/** A topic in a line. */
export interface TopicSummary {
  readonly name: string
  readonly id: string
  readonly partitions: number
  readonly internal: boolean
}

/** A consumer group in a line. */
export interface GroupSummary {
  readonly id: string
  /** `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable`, `Dead`; of the new protocol (KIP-848) also `Assigning`, `Reconciling` */
  readonly state: string
  readonly members: number
  /** `consumer` for groups that share partitions; empty while only offsets are kept. */
  readonly protocolType: string
  /** The assignor, or what else the members agreed on; empty unless the group is stable, or of the new protocol with members. */
  readonly protocol: string
}
