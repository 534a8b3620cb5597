import { checkGraph } from './graph.ts'
import { readTopologyOptions, type TopologyOptions } from './options.ts'
import { LocalTopology, type RunningTopology } from './running.ts'
import { type AnyTopology, graphOfTopology } from './topology.ts'

/**
 * Runs a topology in this process, as many of its executors as there are on one thread. Resolves when every task is ready. Storm's
 * `LocalCluster`.
 *
 * ```ts
 * const running = await run(words, { messageTimeout: '10s', maxSpoutPending: 1000 })
 * running.metrics$.subscribe(console.log)
 * await running.stop()
 * ```
 *
 * @throws PIPELINE_INVALID, INVALID_CONFIG, and what the tasks throw when they are opened
 */
export async function run(declared: AnyTopology, options: TopologyOptions = {}): Promise<RunningTopology> {
  const settings = readTopologyOptions(options)
  const graph = graphOfTopology(declared)
  checkGraph(graph)
  const running = new LocalTopology(graph, settings)
  await running.start()
  return running
}
