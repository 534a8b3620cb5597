import type { ConnectionOptions } from 'node:tls'

/** How `webhdfs:` and `swebhdfs:` URLs are reached. */
export interface WebHdfsOptions {
  /** In whose name: the user of the URL must be allowed to impersonate (`hadoop.proxyuser.*`). */
  readonly doAs?: string
  /** A delegation token (`hdfs fetchdt`), in place of a user name. */
  readonly delegationToken?: string
  /** Of `swebhdfs:`: certificates, as Node's TLS takes them. */
  readonly tls?: Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'passphrase' | 'rejectUnauthorized' | 'servername'>
  /** Milliseconds without a sign of life after which a request is given up. Default 60,000. */
  readonly timeoutMs?: number
  /** For how many milliseconds a request that was not carried out (a NameNode that restarts, is in safe mode, fails over) is sent again. Default 60,000. */
  readonly retryMs?: number
}
