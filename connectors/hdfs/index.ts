/** The lake: a sink that is exactly once by its ledger, the proof that it is, and what is in it. */
export { hdfs } from './sink.ts'
export type { HdfsOptions, Rotate } from './options.ts'
export type { PartitionBy, PartitionedRecord, PartitionRule } from './partitioner.ts'
export { verify, type VerifyOptions, type VerifyProgress } from './verify.ts'
export type { VerifiedTopic, VerifyProblem, VerifyReport } from './verify-report.ts'
export { formatVerify } from './verify-format.ts'
export { lakeInfo, type LakePartition } from './lake-info.ts'
export type { WebHdfsOptions } from './fs/webhdfs/options.ts'
