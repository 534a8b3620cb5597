import { MoldauError } from '../../../core/base/errors.ts'
import { randomUuid, type RandomBytes } from '../../../core/base/uuid.ts'
import type { FileSystem } from '../fs/types.ts'
import { damaged } from './entry.ts'
import { sinkDirectory, sinkFile } from './names.ts'
import { writeFile } from './write-file.ts'

/** sink.json: who owns the directory. Written once, never changed. */
export interface SinkIdentity {
  readonly format: 1
  readonly uuid: string
  readonly sink: string
  readonly clusterId: string
  readonly pipeline: string
  /** Positions are offsets of the topic (and not intents of a two-phase commit); fixed for the life of the directory. */
  readonly driven: 'offsets'
}

/** What a commit writes to the consumer group beside the offset. */
export interface ReportMetadata {
  readonly uuid: string
  readonly seq: string
}

/** Undefined for text that another program wrote. */
export function parseReport(text: string): ReportMetadata | undefined {
  try {
    const { uuid, seq } = JSON.parse(text) as Partial<ReportMetadata>
    return typeof uuid === 'string' && typeof seq === 'string' && /^\d+$/.test(seq) ? { uuid, seq } : undefined
  } catch {
    return undefined
  }
}

export interface IdentityOptions {
  readonly fs: FileSystem
  readonly sink: string
  readonly clusterId: string
  readonly pipeline: string
  readonly adopt: boolean
  readonly random: RandomBytes
}

/**
 * Step S1: the identity in the directory, made when there is none. Throws LEDGER_MISMATCH when the directory is another's, or when the
 * consumer group has been told of another directory: one that was moved, mistyped or restored would start again at the beginning.
 */
export async function ensureIdentity(options: IdentityOptions, reported: ReportMetadata | undefined): Promise<SinkIdentity> {
  const { fs, sink, adopt } = options
  const found = await readIdentity(fs, sink)
  if (found === undefined && reported !== undefined && !adopt) {
    throw new MoldauError(
      'LEDGER_MISMATCH',
      `the consumer group says that sink ${sink} has committed up to entry ${reported.seq} of directory ${reported.uuid}, and ${fs.url} has no ` +
        `${sinkFile(sink)}: was the directory moved, or the path mistyped? With adopt: true the export starts again here`,
    )
  }
  const identity = found ?? (await createIdentity(options))
  if (adopt) return identity
  if (identity.clusterId !== options.clusterId || identity.pipeline !== options.pipeline) {
    throw new MoldauError(
      'LEDGER_MISMATCH',
      `${sinkFile(sink)} in ${fs.url} belongs to pipeline ${identity.pipeline} on cluster ${identity.clusterId}, and this is pipeline ` +
        `${options.pipeline} on cluster ${options.clusterId}. Give this sink another name, or, if it takes over the same data, adopt: true`,
    )
  }
  if (reported !== undefined && reported.uuid !== identity.uuid) {
    throw new MoldauError(
      'LEDGER_MISMATCH',
      `the consumer group says that sink ${sink} commits to directory ${reported.uuid}, and ${fs.url} is directory ${identity.uuid}: was it moved or ` +
        'mistyped? With adopt: true the export goes on here',
    )
  }
  return identity
}

export async function readIdentity(fs: FileSystem, sink: string): Promise<SinkIdentity | undefined> {
  const path = sinkFile(sink)
  const bytes = await fs.read(path)
  if (bytes === undefined) return undefined
  try {
    const identity = JSON.parse(bytes.toString()) as SinkIdentity
    if (identity.format === 1 && typeof identity.uuid === 'string') return identity
  } catch {
    // Told below, like any other content that is not what was written.
  }
  throw damaged(path, 'it is not the JSON that was written')
}

async function createIdentity(options: IdentityOptions): Promise<SinkIdentity> {
  const { fs, sink, clusterId, pipeline, random } = options
  const directory = sinkDirectory(sink)
  await fs.mkdirs(directory)
  const uuid = randomUuid(random)
  await fs.probe(directory, uuid)
  const identity: SinkIdentity = { format: 1, uuid, sink, clusterId, pipeline, driven: 'offsets' }
  const temporary = `${directory}/sink-${uuid}.tmp`
  await writeFile(fs, temporary, Buffer.from(`${JSON.stringify(identity)}\n`))
  await fs.sync([directory])
  const put = await fs.putIfAbsent(temporary, sinkFile(sink))
  if (!put) await fs.delete(temporary)
  await fs.sync([directory])
  // Whoever was first: all partitions, and other instances, take what is there.
  const winner = await readIdentity(fs, sink)
  if (winner === undefined)
    throw new MoldauError('STORAGE_FAILED', `${sinkFile(sink)} in ${fs.url} was written and is not there`, { retriable: true })
  return winner
}
