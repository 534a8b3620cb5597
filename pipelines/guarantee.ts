export const guarantees = ['exactly-once', 'at-least-once', 'at-most-once', 'none'] as const

/**
 * What holds when processes die and calls are repeated (docs/pipelines/guarantees.md). Sinks that keep their own position (HDFS) are exactly once
 * under each.
 */
export type Guarantee = (typeof guarantees)[number]
