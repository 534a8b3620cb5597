import { api } from '../api.ts'
import { array, bool, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** How large the partitions in the data directories of a broker are (KIP-113). */

export const DescribeLogDirsRequest = message('DescribeLogDirsRequest', '0-5', '2+', {
  topics: array({ topic: string(), partitions: array(int32()) }, { nullable: true }),
})
export type DescribeLogDirsRequest = Infer<typeof DescribeLogDirsRequest>

export const DescribeLogDirsResponse = message('DescribeLogDirsResponse', '0-5', '2+', {
  throttleTimeMs: int32(),
  errorCode: int16('3+', { ignorable: true }),
  results: array({
    errorCode: int16(),
    logDir: string(),
    topics: array({
      name: string(),
      partitions: array({ partitionIndex: int32(), partitionSize: int64(), offsetLag: int64(), isFutureKey: bool() }),
    }),
    totalBytes: int64('4+', { default: -1, ignorable: true }),
    usableBytes: int64('4+', { default: -1, ignorable: true }),
    isCordoned: bool('5+', { default: false, ignorable: true }),
  }),
})
export type DescribeLogDirsResponse = Infer<typeof DescribeLogDirsResponse>

export const DescribeLogDirs = api(35, 'DescribeLogDirs', DescribeLogDirsRequest, DescribeLogDirsResponse)
