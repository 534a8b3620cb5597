import type { Files } from '../../../core/base/files.ts'

/** lmdb's head of a file stands twice, at the begin of its first two pages. */
const HEAD_BYTES = 24 + 136
const MAGIC_AT = 24
const MAGIC = 0xbeefc0de
const PAGE_BYTES_AT = 48
/** uint64; the upper half of a page's number is never needed. */
const LAST_PAGE_AT = 144

/**
 * Whether a file can be lmdb's: both heads are there, and all pages that they count. lmdb itself ends the process with a segmentation fault at
 * other bytes. A file that is not there is whole.
 */
export function isWhole(files: Files, path: string): boolean {
  if (files.stat(path) === undefined) return true
  const file = files.open(path, 'read')
  try {
    const head = Buffer.alloc(HEAD_BYTES)
    if (file.read(head, 0, HEAD_BYTES, 0) < HEAD_BYTES || head.readUInt32LE(MAGIC_AT) !== MAGIC) return false
    const pageBytes = head.readUInt32LE(PAGE_BYTES_AT)
    const pages = head.readUInt32LE(LAST_PAGE_AT) + 1
    if (file.read(head, 0, HEAD_BYTES, pageBytes) < HEAD_BYTES || head.readUInt32LE(MAGIC_AT) !== MAGIC) return false
    return file.size() >= Math.max(pages, head.readUInt32LE(LAST_PAGE_AT) + 1) * pageBytes
  } finally {
    file.close()
  }
}
