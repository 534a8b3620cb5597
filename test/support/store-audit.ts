import { readAvroFile } from '../../connectors/avro/index.ts'
import type { FileSystem } from '../../connectors/hdfs/fs/types.ts'
import { visibleFiles } from '../../connectors/hdfs/lake.ts'
import type { Numbered } from './ledger-kit.ts'

/** The numbers of all records that a lister of the lake sees, in order. */
export async function numbersOnStore(fs: FileSystem): Promise<number[]> {
  const numbers: number[] = []
  for (const path of await visibleFiles(fs)) {
    for await (const { n } of readAvroFile<Numbered>((await fs.stream(path))!)) numbers.push(n)
  }
  return numbers.toSorted((a, b) => a - b)
}
