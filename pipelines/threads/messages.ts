import type { PipelineTopics } from '../job.ts'
import type { PipelineMetrics } from '../metrics.ts'
import type { StopOptions } from '../worker.ts'
import type { PackedError } from './packed-error.ts'

/** A pipeline in a thread, with as many workers: their places go on from one pipeline to the next, the first ones of each before the others. */
export interface ThreadPipeline extends PipelineTopics {
  readonly first: number
  readonly behind: number
}

/** What a thread of a job is told. */
export type ToThread =
  | { readonly kind: 'drain'; readonly worker: number }
  | { readonly kind: 'stop'; readonly worker: number; readonly options: StopOptions }

/** What it says. After `finished` or `failed` nothing more comes, and it may be ended. */
export type FromThread =
  | { readonly kind: 'started'; readonly pipelines: readonly ThreadPipeline[] }
  | { readonly kind: 'metrics'; readonly metrics: readonly PipelineMetrics[] }
  | { readonly kind: 'done'; readonly worker: number }
  | { readonly kind: 'finished' }
  | { readonly kind: 'failed'; readonly error: PackedError }
