/** The public face of moldau/pipelines: jobs declared in TypeScript with RxJS, exactly once. */
export { type Duration } from './duration.ts'
export type { Job } from './job.ts'
export type { PipelineMetrics } from './metrics.ts'
export { concatMap } from './operators/concat-map.ts'
export { filter } from './operators/filter.ts'
export { flatMap } from './operators/flat-map.ts'
export { map } from './operators/map.ts'
export { mapAsync, type MapAsyncOptions } from './operators/map-async.ts'
export { mapValues, type WithValue } from './operators/map-values.ts'
export type { SafeOperator } from './operators/safe.ts'
export { tap } from './operators/tap.ts'
export type { EpochOptions, Guarantee, RunOptions } from './options.ts'
export type { OutputRecord, TopicRecord } from './record.ts'
export { run } from './run.ts'
export {
  type Branches,
  isPipeline,
  KeyedStream,
  type Pipeline,
  pipeline,
  type PipelineStart,
  Stream,
  together,
  WindowedStream,
} from './stream.ts'
export type { Aggregated, AggregateOptions, KeyByOptions, Keyed, StateOptions, Windowed } from './stream-types.ts'
export { nullable, type NullableSerde, type Topic, topic, type TopicOptions } from './topic.ts'
export { type EmitStrategy, tumbling, type TumblingOptions, type TumblingWindows, type Window } from './windows.ts'
