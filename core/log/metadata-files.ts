import { join } from 'node:path'
import { MoldauError } from '../base/errors.ts'
import { type Files, replaceFile } from '../base/files.ts'
import { type RandomBytes, randomUuid, systemRandom } from '../base/uuid.ts'

/** Who a folder belongs to: `meta.properties` of the broker's folder, `partition.metadata` of a partition's. */

const META = 'meta.properties'
const PARTITION = 'partition.metadata'

export interface DirectoryMeta {
  readonly clusterId: string
  readonly nodeId: number
  readonly directoryId: string
}

export interface WantedMeta {
  /** Default: the one in the file, or a new one. */
  readonly clusterId?: string
  /** Default: the one in the file, or 1. */
  readonly nodeId?: number
}

/**
 * Reads `meta.properties`, writing it the first time. A folder that Kafka formatted for ZooKeeper (`version=0`, `broker.id`) is understood.
 *
 * @throws DIRECTORY_UNUSABLE when the folder belongs to another cluster or node than the one wanted, or the file is not whole
 */
export async function directoryMeta(
  files: Files,
  directory: string,
  wanted: WantedMeta,
  random: RandomBytes = systemRandom,
): Promise<DirectoryMeta> {
  const path = join(directory, META)
  const content = files.readFile(path)?.toString('utf8')
  const found = properties(content ?? '')
  if (content !== undefined) mustBeWhole(path, content, found)
  const nodeText = found.get('node.id') ?? found.get('broker.id')
  const clusterId = found.get('cluster.id') ?? wanted.clusterId ?? randomUuid(random)
  const nodeId = nodeText === undefined ? (wanted.nodeId ?? 1) : Number(nodeText)
  if (!Number.isInteger(nodeId) || nodeId < 0) {
    throw new MoldauError('DIRECTORY_UNUSABLE', `${path} is damaged: node.id is '${nodeText}'; write the number that this broker had`)
  }
  mustMatch(path, 'cluster', clusterId, wanted.clusterId)
  mustMatch(path, 'node', nodeId, wanted.nodeId)
  const meta = { clusterId, nodeId, directoryId: found.get('directory.id') ?? randomUuid(random) }
  const complete = found.has('cluster.id') && found.has('directory.id') && nodeText !== undefined
  if (!complete) {
    const lines = ['#', `cluster.id=${clusterId}`, `directory.id=${meta.directoryId}`, `node.id=${nodeId}`, 'version=1', '']
    await replaceFile(files, path, lines.join('\n'))
  }
  return meta
}

/** The topic's id as the partition's folder has it; `undefined` when the file is missing or damaged. */
export function readTopicId(files: Files, directory: string): string | undefined {
  const content = files.readFile(join(directory, PARTITION))?.toString('latin1') ?? ''
  return /^version: 0\ntopic_id: ([A-Za-z0-9_-]{22})\n?$/.exec(content)?.[1]
}

/** Not synced: it comes along with the first sync of the log. */
export function writeTopicId(files: Files, directory: string, topicId: string): void {
  const path = join(directory, PARTITION)
  files.writeFile(`${path}.tmp`, `version: 0\ntopic_id: ${topicId}`)
  files.rename(`${path}.tmp`, path)
}

/** A part of the file would make the folder another cluster's, or another node's. */
function mustBeWhole(path: string, content: string, found: ReadonlyMap<string, string>): void {
  const version = found.get('version')
  const complete = version === '0' ? found.has('broker.id') : found.has('cluster.id') && found.has('node.id')
  if (content.endsWith('\n') && version !== undefined && complete) return
  throw new MoldauError(
    'DIRECTORY_UNUSABLE',
    `${path} is damaged: cluster.id, node.id and version=1 must be there, each in a line that ends; restore it, or write what this broker had`,
  )
}

function mustMatch(path: string, what: string, found: string | number, wanted: string | number | undefined): void {
  if (wanted === undefined || wanted === found) return
  throw new MoldauError(
    'DIRECTORY_UNUSABLE',
    `${path}: the folder belongs to ${what} ${found}, not ${wanted}; give this one another folder`,
  )
}

function properties(content: string): Map<string, string> {
  const pairs = content.split('\n').map((line) => /^\s*([^#=\s]+)\s*=\s*(.*?)\s*$/.exec(line))
  return new Map(pairs.filter((pair) => pair !== null).map((pair) => [pair[1]!, pair[2]!]))
}
