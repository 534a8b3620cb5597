/** The public face of moldau/pipelines/testing: runs a pipeline in a test, without a cluster and without waiting. */
export { type Feed, type InputRecord, type MarbleOptions, type MarbleRecord, marbles, records } from './feeds.ts'
export { type SameOptions, sameUnderAnyEpochSize } from './same.ts'
export { type TestDeadLetter, testPipeline, TestPipeline, type TestPipelineOptions, type TestRecord } from './test-pipeline.ts'
export type { TestStore, TestStoreEntry } from './test-store.ts'
