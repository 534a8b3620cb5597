import type { Logger } from '../base/logger.ts'

/** For Node itself, syncs under way, checkpoints, folders. */
const RESERVED = 64

/** Connections take at most this part of what is left when there is not enough for `max.connections`. */
const CONNECTIONS_SHARE = 0.75

/** How the open files that the system allows are shared out. */
export interface DescriptorBudget {
  readonly limit: number
  /** Connections at the same time. */
  readonly connections: number
  /** Files of segments open at the same time. */
  readonly files: number
}

/** Shares out `limit` open files (`ulimit -n`): room for `max.connections` first, the rest to segments, but always a part to both. */
export function descriptorBudget(limit: number, connectionsMax: number): DescriptorBudget {
  const usable = Math.max(limit - RESERVED, 2)
  const connections = Math.min(connectionsMax, Math.max(1, Math.floor(usable * CONNECTIONS_SHARE)))
  return { limit, connections, files: Math.max(1, usable - connections) }
}

/** Says at the start what a low limit means for this broker. */
export function warnOfLimit(
  logger: Logger,
  { limit, connections, files }: DescriptorBudget,
  connectionsMax: number,
  partitions: number,
): void {
  const remedy = "raise the limit of open files ('ulimit -n', 'LimitNOFILE' of systemd)"
  if (connections < connectionsMax) {
    const message = `only ${limit} files may be open: ${connections} connections are taken, not the ${connectionsMax} of max.connections; ${remedy}`
    logger.warn({ limit, connections }, message)
  }
  if (partitions > files) {
    const message = `only ${limit} files may be open: ${partitions} partitions share ${files} of them, using many at once is slow; ${remedy}`
    logger.warn({ limit, files, partitions }, message)
  }
}
