/** A header of a record: metadata beside key and value. */
export interface Header {
  readonly key: string
  readonly value: Buffer | null
}

export const noHeaders: readonly Header[] = []
