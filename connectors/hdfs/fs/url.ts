import { fileURLToPath } from 'node:url'
import { MoldauError } from '../../../core/base/errors.ts'
import { LocalFiles } from './file.ts'
import type { FileSystem } from './types.ts'

/**
 * The file system behind a URL: `file:./lake`, `file:///data/lake` or a plain path.
 * Throws INVALID_CONFIG for a scheme that is not known.
 */
export function openFileSystem(url: string): FileSystem {
  return new LocalFiles(localPath(url))
}

function localPath(url: string): string {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(url)?.[1]?.toLowerCase()
  if (url === '') throw new MoldauError('INVALID_CONFIG', 'url is empty; give a directory, e.g. file:./lake')
  if (scheme === undefined) return url
  if (scheme === 'file') return url.startsWith('file://') ? fileURLToPath(url) : decodeURIComponent(url.slice('file:'.length))
  if (scheme === 'webhdfs' || scheme === 'swebhdfs' || scheme === 'hdfs') {
    throw new MoldauError('INVALID_CONFIG', `${url}: ${scheme}: is not there yet; use a local directory, e.g. file:./lake`)
  }
  throw new MoldauError('INVALID_CONFIG', `${url}: ${scheme}: is not a file system known here; use a local directory, e.g. file:./lake`)
}
