/** Turns values of one type into bytes and back: what a topic's key or value is written with. */
export interface Serde<T> {
  /** For messages: 'string', 'avro Flight'. */
  readonly name: string
  /** @throws SERDE_FAILED when the value does not fit */
  serialize(value: NoInfer<T>): Buffer
  /**
   * Reads `buffer[start, end)` in place; the bytes are copied only where the value needs its own.
   *
   * @throws SERDE_FAILED when the bytes are not what the serde writes
   */
  deserialize(buffer: Buffer, start: number, end: number): T
}

/** The type of the values that a serde reads. */
export type ValueOf<S extends { deserialize(buffer: Buffer, start: number, end: number): unknown }> = ReturnType<S['deserialize']>
