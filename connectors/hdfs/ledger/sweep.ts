import type { ChainContext } from './context.ts'
import { parseStagingName, type StagingName } from './names.ts'

/**
 * Deletes what dead attempts staged. `committed`: the number that this attempt has just put itself; nobody with a lower base can own that
 * number or a later one, and all below it is in its place. Names are never used again, so a late delete is as safe as a prompt one.
 */
export async function sweep(context: ChainContext, mine: StagingName, committed: number | undefined): Promise<void> {
  const { fs, paths, rules } = context
  for (const { name, directory } of (await fs.list(paths.staging)) ?? []) {
    const found = parseStagingName(name)
    if (directory && found !== undefined && rules.maySweep(found, mine, committed)) await fs.delete(`${paths.staging}/${name}`)
  }
}
