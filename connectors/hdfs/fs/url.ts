import { fileURLToPath } from 'node:url'
import { MoldauError } from '../../../core/base/errors.ts'
import { LocalFiles } from './file.ts'
import type { FileSystem } from './types.ts'
import type { WebHdfsOptions } from './webhdfs/options.ts'
import { WebHdfsFiles } from './webhdfs/webhdfs.ts'

/**
 * The file system behind a URL: `webhdfs://namenode:9870/lake`, `swebhdfs://…`, `file:./lake`, `file:///data/lake` or a plain path.
 * Throws INVALID_CONFIG for a scheme that is not known.
 */
export function openFileSystem(url: string, webhdfs?: WebHdfsOptions): FileSystem {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(url)?.[1]?.toLowerCase()
  if (scheme === 'webhdfs' || scheme === 'swebhdfs') return new WebHdfsFiles(url, webhdfs)
  if (webhdfs !== undefined)
    throw new MoldauError('INVALID_CONFIG', `${url}: webhdfs settings are given, and the url is not of a webhdfs: or swebhdfs:`)
  return new LocalFiles(localPath(url, scheme))
}

function localPath(url: string, scheme: string | undefined): string {
  if (url === '') throw new MoldauError('INVALID_CONFIG', 'url is empty; give a directory, e.g. file:./lake')
  if (scheme === undefined) return url
  if (scheme === 'file') return url.startsWith('file://') ? fileURLToPath(url) : decodeURIComponent(url.slice('file:'.length))
  if (scheme === 'hdfs') {
    throw new MoldauError(
      'INVALID_CONFIG',
      `${url}: hdfs: is Hadoop's own protocol, which is not spoken here; give the web address of the NameNode, e.g. webhdfs://namenode:9870/lake`,
    )
  }
  throw new MoldauError(
    'INVALID_CONFIG',
    `${url}: ${scheme}: is not a file system known here; the known ones are file:, webhdfs: and swebhdfs:`,
  )
}
