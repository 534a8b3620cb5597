/** The public face of moldau/topology: spouts, bolts and groupings, Storm's way. */
export {
  type Anchors,
  type BasicOutput,
  type Bolt,
  bolt,
  type BoltDefinition,
  type NoStreams,
  type RichOutput,
  richBolt,
  type Spout,
  spout,
  type SpoutDefinition,
  type SpoutOutput,
  type TaskContext,
  type Tuple,
} from './component.ts'
export type { ChooseTasks, TaskErrors } from './graph.ts'
export type { ComponentMetrics } from './metrics.ts'
export type { TopologyOptions } from './options.ts'
export type { Parallelism } from './placement.ts'
export { run } from './run.ts'
export type { RebalanceOptions, RunningTopology, StopOptions } from './running.ts'
export {
  type AnyTopology,
  type BoltOptions,
  type Given,
  isTopology,
  type ParallelismOptions,
  type SpoutOptions,
  type Subscribed,
  type Subscribing,
  type Topology,
  topology,
} from './topology.ts'
