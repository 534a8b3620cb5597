import { type Component, type Graph, invalidTopology } from './graph.ts'

/** Where one task runs. */
export interface Placed {
  readonly component: string
  /** Number over the whole topology, from 1. */
  readonly task: number
  /** Number among the tasks of its component, from 0. */
  readonly index: number
  /** Number of its executor among those of its component, from 0. */
  readonly executor: number
  /** Number of its worker, from 0. */
  readonly worker: number
}

/** How many executors components have, by name; those that are left out have what was declared. */
export type Parallelism = Readonly<Record<string, number>>

/**
 * Places every task: the tasks of a component are spread over its executors, the executors in turn over the workers. The numbers of tasks depend on
 * the declaration alone.
 *
 * @throws PIPELINE_INVALID when there is no such component, or it has fewer tasks
 */
export function place({ name, components }: Graph, workers: number, parallelism: Parallelism = {}): Placed[] {
  for (const [component, executors] of Object.entries(parallelism)) checkExecutors(name, components, component, executors)
  const placed: Placed[] = []
  let executorsBefore = 0
  for (const component of components) {
    const executors = parallelism[component.name] ?? component.parallelism
    for (let index = 0; index < component.tasks; index++) {
      const executor = Math.floor((index * executors) / component.tasks)
      const worker = (executorsBefore + executor) % workers
      placed.push({ component: component.name, task: placed.length + 1, index, executor, worker })
    }
    executorsBefore += executors
  }
  return placed
}

function checkExecutors(topology: string, components: readonly Component[], name: string, executors: number): void {
  const component = components.find((other) => other.name === name)
  if (component === undefined) throw invalidTopology(topology, `has no component '${name}'`)
  if (Number.isInteger(executors) && executors >= 1 && executors <= component.tasks) return
  throw invalidTopology(
    topology,
    `'${name}' has ${component.tasks} tasks, so it can have 1 to ${component.tasks} executors, not ${executors}; declare it with more 'tasks'`,
  )
}
