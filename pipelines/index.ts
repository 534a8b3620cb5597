/** The public face of moldau/pipelines: jobs declared in TypeScript with RxJS, exactly once. */
export type { CallContext } from './calls/call.ts'
export type { CallMetrics } from './calls/call-site.ts'
export type { BreakerState } from './calls/circuit-breaker.ts'
export type { CallOptions, CircuitBreakerOptions, RetryOptions } from './calls/options.ts'
export { type Duration } from './duration.ts'
export type { ErrorAction, FailedRecord, OnError } from './errors/on-error.ts'
export type { Job } from './job.ts'
export type { PipelineMetrics } from './metrics.ts'
export { concatMap } from './operators/concat-map.ts'
export { filter } from './operators/filter.ts'
export { filterNot } from './operators/filter-not.ts'
export { flatMap } from './operators/flat-map.ts'
export { map } from './operators/map.ts'
export { mapAsync, type MapAsyncOptions } from './operators/map-async.ts'
export { mapValues, type WithValue } from './operators/map-values.ts'
export { selectKey, type WithKey } from './operators/select-key.ts'
export type { OperatorOptions, SafeOperator } from './operators/safe.ts'
export { tap } from './operators/tap.ts'
export type { Guarantee } from './guarantee.ts'
export type { EpochOptions, RunOptions } from './options.ts'
export type { ModuleRunOptions, ThreadFailureAction, UncaughtExceptionHandler } from './threads/module-options.ts'
export type { Partitioner } from './partitioning.ts'
export type { OutputRecord, TopicRecord } from './record.ts'
export type {
  ForwardingContext,
  Processor,
  ProcessorContext,
  ProcessorDeclaration,
  ProcessorOptions,
  Punctuation,
  Punctuator,
  RecordMetadata,
  StateOf,
} from './processor.ts'
export { run } from './run.ts'
export type { StopOptions } from './worker.ts'
export { isPipeline, type Pipeline, pipeline, type PipelineOptions, type PipelineStart, together } from './pipeline.ts'
export { type Branches, Flow } from './flow.ts'
export { CogroupedStream, type CogroupedSessions, type CogroupedWindows } from './cogrouped-stream.ts'
export { GlobalTable } from './global-table.ts'
export { GroupedTable } from './grouped-table.ts'
export { KeyedStream } from './keyed-stream.ts'
export { JoinedStream, Stream } from './stream.ts'
export { Table } from './table.ts'
export { WindowedResults } from './windowed-results.ts'
export { SessionStream, WindowedStream } from './windowed-stream.ts'
export { keyValue, type KeyValueDeclaration, type KeyValueOptions, type KeyValueState } from './state/declared/key-value.ts'
export type { StoreDeclaration, StoreDeclarations } from './state/declared/store-declaration.ts'
export type {
  Aggregated,
  AggregateOptions,
  Change,
  KeyByOptions,
  Joined,
  Keyed,
  RepartitionOptions,
  SessionAggregateOptions,
  StateOptions,
  StreamJoinOptions,
  TableOptions,
  ToNamesOptions,
  ToOptions,
  Windowed,
} from './stream-types.ts'
export { nullable, type NullableSerde, type Topic, topic, type TopicOptions } from './topic.ts'
export {
  type EmitStrategy,
  hopping,
  type HoppingOptions,
  type JoinWindowOptions,
  type JoinWindows,
  session,
  type SessionWindows,
  type TimeWindows,
  tumbling,
  type Window,
  type WindowOptions,
  within,
} from './windows.ts'
export type { AnyWindows } from './windows/any.ts'
export { calendar, type CalendarOptions, type CalendarUnit, type CalendarWindows } from './windows/calendar.ts'
export { countWindow, type CountWindowOptions, type CountWindows } from './windows/count.ts'
export { sliding, type SlidingWindows } from './windows/sliding.ts'
