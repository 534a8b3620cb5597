import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

import type { ExecutionContext } from 'ava'

import { missing } from './missing.ts'
import { runCommand } from './run-command.ts'
import { kafkaLibs } from './start-kafka.ts'

/** The fields of a line, `name: value name: value ...`, as the tool prints them. */
export type Fields = Readonly<Record<string, string>>

/** What Kafka's tool says of one file. */
export interface Dumped {
  readonly path: string
  readonly batches: Fields[]
  /** Records of the batches; with `--print-data-log` and the decoders they have `key` and `payload`. */
  readonly records: Fields[]
  /** Entries of an index, or producers of a snapshot. */
  readonly entries: Fields[]
  readonly passed: boolean
  /** Lines of any other form, and those of the standard error: whatever the tool complains about is among them. */
  readonly complaints: string[]
}

export type DumpLogSegments = (files: readonly string[], ...flags: readonly string[]) => Promise<Dumped[]>

/** Apache Kafka's `DumpLogSegments`; `undefined`, with a line that says why, where it cannot be had (a failure when CI is set). */
export async function dumpLogSegments(t: ExecutionContext): Promise<DumpLogSegments | undefined> {
  let libs: string
  try {
    await runCommand('java', ['-version'])
    libs = await kafkaLibs()
  } catch (error) {
    missing(t, "Kafka's DumpLogSegments (java and mvn are needed)", error)
    return undefined
  }
  const tool = ['-XX:TieredStopAtLevel=1', '-cp', join(libs, '*'), 'org.apache.kafka.tools.DumpLogSegments']
  return async (files, ...flags) => {
    if (files.length === 0) throw new Error('no files to dump')
    const { code, stdout, stderr } = await runCommand('java', [...tool, ...flags, '--files', files.join(',')])
    if (code !== 0 || stderr.includes('Exception')) throw new Error(`DumpLogSegments ended with ${code}: ${stdout.slice(-2000)}${stderr}`)
    const dumps = dumped(stdout)
    addComplaints(dumps, stderr)
    return dumps
  }
}

/** The files of a partition with one suffix, in order. */
export async function partitionFiles(directory: string, suffix: string): Promise<string[]> {
  const names = await readdir(directory)
  return names
    .filter((name) => name.endsWith(suffix))
    .toSorted()
    .map((name) => join(directory, name))
}

export async function sizeOf(path: string): Promise<number> {
  return (await stat(path)).size
}

function dumped(output: string): Dumped[] {
  const files: (Dumped & { passed: boolean })[] = []
  for (const line of output.split('\n')) {
    const path = /^Dumping (.*)$/.exec(line)?.[1]
    if (path !== undefined) files.push({ path, batches: [], records: [], entries: [], passed: false, complaints: [] })
    const file = files.at(-1)
    if (file === undefined) throw new Error(`DumpLogSegments begins with: ${line}`)
    if (path !== undefined || line === '' || line === `${file.path} is empty.` || /^Log starting offset: \d+$/.test(line)) continue
    if (line.startsWith('baseOffset: ')) file.batches.push(fields(line))
    else if (line.startsWith('| offset: ')) file.records.push(fields(line.slice(2)))
    else if (/^(offset|timestamp|version|producerId): \d+ /.test(line)) file.entries.push(fields(line))
    else if (line === `${file.path} passed sanity check.`) file.passed = true
    else file.complaints.push(line)
  }
  return files
}

/** Said of every file that does not begin with offset 0 under `--deep-iteration`, Kafka's own included. */
const FIRST_OFFSET = /^Non-consecutive offsets in .*\n {2}-1 is followed by \d+\n(?! )/gm

/** What is wrong with an index goes to the standard error, below a line that ends with the file's path. Java's own lines are left out. */
function addComplaints(files: readonly Dumped[], errors: string): void {
  let file = files.at(-1)!
  for (const line of errors.replaceAll(FIRST_OFFSET, '').split('\n')) {
    if (line === '' || /^(Picked up|OpenJDK|WARNING:|SLF4J)/.test(line)) continue
    file = files.find(({ path }) => line.endsWith(path)) ?? file
    file.complaints.push(line)
  }
}

/** Key and payload are last and may hold anything. */
function fields(line: string): Fields {
  const [, head, key, payload] = /^(.*?)(?: key: (.*?))?(?: payload: (.*))?$/.exec(line)!
  const pairs = head!.matchAll(/(\w+): (\[.*?\]|\S+)/g)
  return {
    ...Object.fromEntries(Array.from(pairs, (pair) => [pair[1]!, pair[2]!])),
    ...(key !== undefined && { key }),
    ...(payload !== undefined && { payload }),
  }
}
