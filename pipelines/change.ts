/** A change of a table on its way: one class, so that operators see one hidden class. */
export class TableChange {
  readonly key: unknown
  /** null: deleted. */
  readonly value: unknown
  /** null: there was none. */
  readonly previous: unknown
  readonly timestamp: number

  constructor(key: unknown, value: unknown, previous: unknown, timestamp: number) {
    this.key = key
    this.value = value
    this.previous = previous
    this.timestamp = timestamp
  }
}
