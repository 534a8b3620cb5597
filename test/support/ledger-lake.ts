import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { readAvroFile } from '../../connectors/avro/index.ts'
import type { Numbered } from './ledger-kit.ts'

/** A directory for one lake, removed when the test is over. */
export function lakeDirectory(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'moldau-lake-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** The data files that a Hive-style reader sees, as paths from the lake's directory on. */
export function dataFiles(directory: string): string[] {
  const all = readdirSync(directory, { recursive: true, withFileTypes: true })
  return all
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .filter((path) => !path.startsWith('_moldau'))
    .toSorted()
}

/** The numbers of all records in the lake, in order. */
export async function numbersIn(directory: string): Promise<number[]> {
  const numbers: number[] = []
  for (const path of dataFiles(directory)) for await (const { n } of readAvroFile<Numbered>(join(directory, path))) numbers.push(n)
  return numbers.toSorted((a, b) => a - b)
}
