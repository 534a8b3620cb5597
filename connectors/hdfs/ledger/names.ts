/** Where things lie below a sink's directory. `_moldau` begins with an underscore, which Hive, Spark and Presto skip. */

export const HIDDEN = '_moldau'
const SEQ_DIGITS = 20

export function sinkDirectory(sink: string): string {
  return `${HIDDEN}/${sink}`
}

export function sinkFile(sink: string): string {
  return `${sinkDirectory(sink)}/sink.json`
}

export interface ChainPaths {
  readonly chain: string
  readonly ledger: string
  readonly checkpoint: string
  readonly archive: string
  readonly staging: string
}

/** The topic id is not in the path: after a fail-over to the other datacenter it differs, and the offsets are the same. */
export function chainPaths(sink: string, topic: string, partition: number): ChainPaths {
  const chain = `${sinkDirectory(sink)}/${topic}/${partition}`
  return {
    chain,
    ledger: `${chain}/ledger`,
    checkpoint: `${chain}/checkpoint`,
    archive: `${chain}/archive`,
    staging: `${chain}/staging`,
  }
}

export function entryName(seq: number): string {
  return `${String(seq).padStart(SEQ_DIGITS, '0')}.json`
}

export function checkpointName(seq: number): string {
  return `${seq}.json`
}

/** The number in the name of an entry or checkpoint; undefined for a file that is neither. */
export function seqOf(name: string): number | undefined {
  const match = /^(\d{1,20})\.json$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

export function archiveName(from: number, to: number, attempt: string): string {
  return `${from}-${to}-${attempt}.jsonl`
}

/** The last number in the name of an archive. */
export function archiveEnd(name: string): number | undefined {
  const match = /^\d+-(\d+)-[0-9a-f]+\.jsonl$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

/** `<base>-<attempt>`: the head an attempt started from, and the attempt. */
export interface StagingName {
  readonly base: number
  readonly attempt: string
}

export function stagingName(name: StagingName): string {
  return `${name.base}-${name.attempt}`
}

export function parseStagingName(name: string): StagingName | undefined {
  const match = /^(\d+)-([0-9a-f]+)$/.exec(name)
  return match === null ? undefined : { base: Number(match[1]), attempt: match[2]! }
}

/** Unique per attempt and never used again. */
export function finalName(topic: string, partition: number, first: number, last: number, attempt: string, n: number): string {
  return `${topic}-${partition}-${first}-${last}-${attempt}-${n}.avro`
}
