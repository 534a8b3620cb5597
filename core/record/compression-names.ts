/** Position = the number in the attributes of a batch. */
export const compressionNames = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

export type CompressionName = (typeof compressionNames)[number]

/** The number of a compression in the attributes of a batch. */
export function compressionId(name: CompressionName): number {
  return compressionNames.indexOf(name)
}
