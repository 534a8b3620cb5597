/** Chunks of rows, as the format's reader finds them. */
export type Rows = AsyncIterator<readonly unknown[]>

/** One file format. */
export interface RowReader {
  /** The number of rows, where the file says so without being read. */
  count(): Promise<number | undefined>
  /** The rows from number `from` on, in order. */
  rows(from: number): AsyncIterable<readonly unknown[]>
}
