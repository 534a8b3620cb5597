import { MoldauError } from '../../../../core/base/errors.ts'
import type { Answer } from './exchange.ts'

/** What a node says that it could not do: the class of Hadoop's exception and its message. */
export interface RemoteError {
  readonly status: number
  readonly exception: string
  readonly message: string
}

/** The error in an answer that is none of success. */
export function remoteError({ status, body }: Pick<Answer, 'status' | 'body'>): RemoteError {
  try {
    const { RemoteException: error } = JSON.parse(body.toString()) as { RemoteException: { exception: string; message: string } }
    // A DataNode sends its stack along.
    if (typeof error.exception === 'string') return { status, exception: error.exception, message: String(error.message).split('\n\t')[0]! }
  } catch {
    // A proxy, or a web server before its application has started.
  }
  const text = body.toString('utf8', 0, 200).replaceAll(/\s+/g, ' ').trim()
  return { status, exception: '', message: `HTTP ${status}${text === '' ? '' : `: ${text}`}` }
}

/** The node is not the active one: another must be asked. */
export function isStandby({ exception, message }: RemoteError): boolean {
  return exception === 'StandbyException' || (exception === 'RemoteException' && message.includes('StandbyException'))
}

/** Not done, and may be later without anybody's help. */
export function isPassing({ exception, message, status }: RemoteError): boolean {
  if (exception === 'SafeModeException' || exception === 'RetriableException') return true
  // What a NameNode says for some seconds after its web server has come up, and a DataNode that has not heard of its NameNode yet.
  return exception === 'IOException' && /not been started|not.*initialized|safe ?mode/i.test(message)
    ? true
    : exception === '' && status === 503
}

/** The error as a user reads it. */
export function failure(url: string, what: string, error: RemoteError): MoldauError {
  return new MoldauError('STORAGE_FAILED', `cannot ${what} in ${url}: ${remedy(error)}`, {
    retriable: isPassing(error) || isStandby(error),
  })
}

function remedy({ exception, message, status }: RemoteError): string {
  switch (exception) {
    case 'AccessControlException':
      return `${message}; give the directory to this user (hdfs dfs -chown), or name another one in the URL (webhdfs://user@…)`
    case 'DSQuotaExceededException':
      return `${message}; free some space or raise the quota (hdfs dfsadmin -setSpaceQuota) and start again, nothing committed is lost`
    case 'NSQuotaExceededException':
      return `${message}; delete some files or raise the quota (hdfs dfsadmin -setQuota) and start again, nothing committed is lost`
    case 'SafeModeException':
      return `${message.split('. ')[0]!}; it leaves safe mode when enough DataNodes have reported (hdfs dfsadmin -safemode get)`
    case 'StandbyException':
      return 'no NameNode of the URL is active; name all of them (webhdfs://nn1:9870,nn2:9870/…), or see hdfs haadmin -getAllServiceState'
    default:
      if (status === 401) return 'the NameNode wants to know who asks (HTTP 401); give webhdfs: { delegationToken } or use Kerberos'
      return exception === '' ? message : `${exception}: ${message}`
  }
}
