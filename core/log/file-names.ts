import { join } from 'node:path'

/** Names of files and folders as Kafka gives them. */

export const LOG = '.log'
export const OFFSET_INDEX = '.index'
export const TIME_INDEX = '.timeindex'
export const TRANSACTION_INDEX = '.txnindex'
export const SNAPSHOT = '.snapshot'
/** Put after the name of a file that is out of the log and waits for its removal. */
export const DELETED = '.deleted'
/** Put after the name of a file that the cleaner is writing. */
export const CLEANED = '.cleaned'
/** Put after the name of a cleaned file that takes the place of others. */
export const SWAP = '.swap'
/** At the end of the name of a partition's folder that waits for its removal. */
export const DELETE_SUFFIX = '-delete'

/** The files that make up a segment. */
export const segmentSuffixes = [LOG, OFFSET_INDEX, TIME_INDEX, TRANSACTION_INDEX] as const

const NAME_BYTES_MAX = 255

/** `<20 digits><suffix>` in the folder. */
export function segmentPath(directory: string, baseOffset: number, suffix: string): string {
  return join(directory, String(baseOffset).padStart(20, '0') + suffix)
}

/** The offset in a name like `00000000000000000042.log`, or `undefined` for any other name. */
export function offsetInName(name: string, suffix: string): number | undefined {
  if (name.length !== 20 + suffix.length || !name.endsWith(suffix)) return undefined
  const digits = name.slice(0, 20)
  return /^\d{20}$/.test(digits) ? Number(digits) : undefined
}

/** The topic and partition of a folder's name: the number after the last hyphen. */
export function partitionOfDirectory(name: string): { topic: string; partition: number } | undefined {
  const match = /^(.+)-(\d+)$/.exec(name)
  return match === null ? undefined : { topic: match[1]!, partition: Number(match[2]) }
}

/** The name of a folder on its way out: `<topic>-<partition>.<32 hex digits>-delete`, shortened to what a file system takes. */
export function deletedDirectoryName(name: string, hex: string): string {
  const suffix = `.${hex}${DELETE_SUFFIX}`
  return name.slice(0, NAME_BYTES_MAX - suffix.length) + suffix
}
