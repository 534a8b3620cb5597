/** Who writes a batch, as its header says; -1 without idempotence. */
export interface Writer {
  producerId: number
  producerEpoch: number
  baseSequence: number
  transactional: boolean
}

/** What a batch on its way consists of: records that we encode (BatchBuilder), or bytes that somebody else has encoded (RawContent). */
export interface BatchContent {
  readonly count: number
  /** May be called again for another writer; what was handed out before stays as it is. */
  build(writer: Writer): Buffer | readonly Buffer[]
}
