import type { FileSystem } from './fs/types.ts'
import type { ChainContext } from './ledger/context.ts'
import { readIdentity, type SinkIdentity } from './ledger/identity.ts'
import { chainPaths, HIDDEN, sinkDirectory } from './ledger/names.ts'
import { rules } from './ledger/rules.ts'

/** A ledger found in a lake. */
export interface FoundChain {
  readonly sink: string
  readonly identity: SinkIdentity | undefined
  readonly context: ChainContext
}

/** Every ledger below a directory, by sink, topic and partition. */
export async function findChains(fs: FileSystem, topic?: string): Promise<FoundChain[]> {
  const chains: FoundChain[] = []
  for (const sink of await directories(fs, HIDDEN)) {
    const identity = await readIdentity(fs, sink)
    for (const name of await directories(fs, sinkDirectory(sink))) {
      if (topic !== undefined && name !== topic) continue
      const partitions = (await directories(fs, `${sinkDirectory(sink)}/${name}`)).filter((number) => /^\d+$/.test(number)).map(Number)
      for (const partition of partitions.toSorted((a, b) => a - b)) {
        const paths = chainPaths(sink, name, partition)
        chains.push({ sink, identity, context: { fs, paths, topic: name, partition, rules } })
      }
    }
  }
  return chains
}

async function directories(fs: FileSystem, path: string): Promise<string[]> {
  const found = (await fs.list(path)) ?? []
  return found
    .filter(({ directory }) => directory)
    .map(({ name }) => name)
    .toSorted()
}

/** Deeper than any partitioner goes; a loop of links must not hold a check for ever. */
const DEPTH_MAX = 32

/** The files that a Hive-style reader would take: all but those below names that begin with `_` or `.`. */
export async function visibleFiles(fs: FileSystem): Promise<Set<string>> {
  const files = new Set<string>()
  const walk = async (directory: string, depth: number): Promise<void> => {
    for (const { name, directory: isDirectory } of (await fs.list(directory)) ?? []) {
      if (name.startsWith('_') || name.startsWith('.')) continue
      const path = directory === '' ? name : `${directory}/${name}`
      if (!isDirectory) files.add(path)
      else if (depth < DEPTH_MAX) await walk(path, depth + 1)
    }
  }
  await walk('', 0)
  return files
}
