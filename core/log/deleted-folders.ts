import { join } from 'node:path'
import { messageOf } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import type { Logger } from '../base/logger.ts'
import type { RandomBytes } from '../base/uuid.ts'
import { deletedDirectoryName } from './file-names.ts'
import type { PartitionLog } from './partition-log.ts'
import type { Timers } from './timers.ts'

export interface DeletedFoldersOptions {
  /** The broker's folder. */
  readonly dir: string
  readonly files: Files
  readonly logger: Logger
  readonly random: RandomBytes
  readonly timers: Timers
}

/** Folders of deleted partitions: they get another name at once and are removed after `file.delete.delay.ms`. */
export class DeletedFolders {
  readonly #options: DeletedFoldersOptions

  constructor(options: DeletedFoldersOptions) {
    this.#options = options
  }

  /**
   * Renames the folders at once, and resolves when a power loss cannot bring the old names back. What a failing disk leaves goes with the next
   * start, or when the topic's name is used again: no topic names it any more.
   */
  async discard(logs: Iterable<PartitionLog>): Promise<void> {
    const { dir, files, random } = this.#options
    for (const { directory, topic, partition, config } of logs) {
      const name = deletedDirectoryName(`${topic}-${partition}`, random(Buffer.alloc(16)).toString('hex'))
      try {
        files.rename(directory, join(dir, name))
        this.removeLater(name, config.fileDeleteDelayMs)
      } catch (error) {
        this.#tell(directory, error)
      }
    }
    await files.syncDirectory(dir).catch((error: unknown) => this.#tell(dir, error))
  }

  removeLater(name: string, delayMs: number): void {
    const { dir, files, timers } = this.#options
    timers.after(delayMs, () => files.removeInPool(join(dir, name)))
  }

  #tell(path: string, error: unknown): void {
    this.#options.logger.error({ path, error: messageOf(error) }, 'the folder of a deleted topic cannot be taken away now')
  }
}
