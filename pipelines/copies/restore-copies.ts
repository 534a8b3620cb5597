import type { Settings } from '../options.ts'
import { readToEnd } from '../restore.ts'
import { keyOf } from '../slices.ts'
import { applyChanges, changelogsOf, type Copy } from './copy.ts'

/** Brings stores to where their changelogs end, from where the copies are. Resolves with how many records that took. */
export async function restoreCopies(settings: Settings, pipeline: string, copies: readonly Copy[]): Promise<number> {
  const changelogs = new Map(
    copies.flatMap(({ assigned, positions }) =>
      changelogsOf(settings, assigned).map(({ store, topic, partition }) => {
        const key = keyOf({ topic, partition })
        return [key, { store, from: { topic, partition, offset: positions.get(key) } }] as const
      }),
    ),
  )
  let records = 0
  const from = [...changelogs.values()].map((changelog) => changelog.from)
  await readToEnd(settings, from, (batch) => {
    applyChanges(pipeline, changelogs.get(keyOf(batch))!.store, batch)
    records += batch.count
  })
  return records
}
