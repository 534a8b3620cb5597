import type { Settings } from './options.ts'

/** Names in the cluster, all from the application id and the names in the declaration: the same at every start. */
export function groupId({ applicationId }: Settings, pipeline: string): string {
  return `${applicationId}-${pipeline}`
}

/** One per process and worker; a process that starts again fences its dead self. */
export function transactionalId({ applicationId, instanceId }: Settings, pipeline: string, worker: number): string {
  return `${applicationId}-${pipeline}-${instanceId}-${worker}`
}

/** A source outside Kafka is read by one process at a time: whoever starts last fences the others, so the id names no instance. */
export function sourceTransactionalId({ applicationId }: Settings, pipeline: string, source: string): string {
  return `${applicationId}-${pipeline}-source-${source}`
}

/** A topic of the pipeline's own: repartitions and changelogs. */
export function internalTopic({ applicationId }: Settings, name: string): string {
  return `${applicationId}-${name}`
}

/** Where positions of sources outside Kafka are kept, compacted. */
export function positionsTopic({ applicationId }: Settings): string {
  return `${applicationId}-positions`
}
