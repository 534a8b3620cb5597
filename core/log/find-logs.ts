import type { Files } from '../base/files.ts'
import type { LogConfig } from './config.ts'
import { DELETE_SUFFIX, partitionOfDirectory } from './file-names.ts'
import type { LogMaker } from './log-maker.ts'
import type { CheckpointedOffsets } from './offset-checkpoints.ts'
import type { PartitionLog } from './partition-log.ts'

export interface FindLogsOptions {
  readonly files: Files
  /** The broker's folder. */
  readonly dir: string
  readonly maker: LogMaker
  /** Asked once for a topic. */
  readonly configOf: (topic: string) => LogConfig
  readonly checkpointed: (topic: string, partition: number) => CheckpointedOffsets
  /** The last stop was one in order. */
  readonly clean: boolean
  readonly writesSurvived: boolean
}

/** The logs that have a folder, none of them opened, and the names of folders that are on their way out. */
export function findLogs(options: FindLogsOptions): { logs: PartitionLog[]; doomed: string[] } {
  const { files, dir, maker, checkpointed, clean, writesSurvived } = options
  const configs = new Map<string, LogConfig>()
  const configOf = (topic: string): LogConfig => {
    const known = configs.get(topic) ?? options.configOf(topic)
    configs.set(topic, known)
    return known
  }
  const logs: PartitionLog[] = []
  const doomed: string[] = []
  for (const { name, directory } of files.readdir(dir)) {
    if (!directory) continue
    if (name.endsWith(DELETE_SUFFIX)) doomed.push(name)
    const place = partitionOfDirectory(name)
    if (place === undefined) continue
    const { topic, partition } = place
    const { recoveryPoint, startOffset: logStartOffset } = checkpointed(topic, partition)
    logs.push(
      maker.make(topic, partition, {
        config: configOf(topic),
        clean: clean && recoveryPoint !== undefined,
        writesSurvived,
        ...(recoveryPoint !== undefined && { recoveryPoint }),
        ...(logStartOffset !== undefined && { logStartOffset }),
      }),
    )
  }
  return { logs, doomed }
}
