import { join } from 'node:path'
import { messageOf } from '../base/errors.ts'
import type { Files } from '../base/files.ts'
import type { Logger } from '../base/logger.ts'

const CLEAN_SHUTDOWN = '.kafka_cleanshutdown'

/** Whether the last stop was one in order. */
export function hasCleanShutdown(files: Files, dir: string): boolean {
  return files.stat(join(dir, CLEAN_SHUTDOWN)) !== undefined
}

/** Takes the mark of a clean stop away, durably: what happens from now on is not covered by it. Answers whether it was there. */
export async function takeCleanShutdown(files: Files, dir: string): Promise<boolean> {
  const clean = hasCleanShutdown(files, dir)
  files.unlink(join(dir, CLEAN_SHUTDOWN))
  await files.syncDirectory(dir)
  return clean
}

/** Leaves the mark that everything was closed in order. A disk that refuses makes the next start check the logs. */
export async function markCleanShutdown(files: Files, dir: string, logger: Logger): Promise<void> {
  try {
    files.writeFile(join(dir, CLEAN_SHUTDOWN), '{"version":0,"brokerEpoch":-1}')
    await files.syncDirectory(dir)
  } catch (error) {
    logger.error({ dir, error: messageOf(error) }, 'the stop cannot be marked as a clean one: the next start checks the logs')
  }
}
