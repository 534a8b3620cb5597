import { nearestName } from '../base/edit-distance.ts'
import { clientSettings } from './client-options.ts'
import { consumerSettings } from './consumer-options.ts'
import { explained, explainedFamilies, renamed } from './other-names.ts'
import { producerSettings } from './producer-options.ts'
import type { Settings } from './settings.ts'
import { suggestionOf } from './suggestion.ts'

const parts = { 'connect()': clientSettings, 'client.producer()': producerSettings, 'client.consumer()': consumerSettings } as const

/** What is configured, as it is called. */
export type Part = keyof typeof parts

/** What to do about a name that `part` does not have, as the end of a sentence. */
export function hintFor(part: Part, spelling: string): string {
  const own = namesLike(spelling, part)
  const others = (Object.keys(parts) as Part[]).filter((other) => other !== part)
  const ownerOf = (name: string): Part | undefined => others.find((other) => namesLike(name, other).includes(name))
  const owner = ownerOf(spelling)
  if (owner !== undefined) return `: it is an option of ${owner}`
  const told = explanation(part, spelling)
  if (told !== undefined) return `: ${told}`
  // Of two that are as near, that of its own part.
  const nearest = nearestName(spelling, [...own, ...others.flatMap((other) => namesLike(spelling, other))])
  if (nearest !== undefined) return `: did you mean '${nearest}'${own.includes(nearest) ? '' : `, an option of ${ownerOf(nearest)}`}?`
  const related = own.filter((name) => firstWord(name) === firstWord(spelling))
  return suggestionOf(spelling, related.length > 0 ? related : own)
}

function explanation(part: Part, spelling: string): string | undefined {
  const name = Object.hasOwn(renamed, spelling) ? renamed[spelling]! : undefined
  if (name !== undefined) {
    const owner = [part, ...(Object.keys(parts) as Part[])].find((each) => Object.hasOwn(parts[each], name))!
    return owner === part ? `use '${name}'` : `use '${name}', an option of ${owner}`
  }
  if (Object.hasOwn(explained, spelling)) return explained[spelling]
  return explainedFamilies.find(([prefix]) => spelling.startsWith(prefix))?.[1]
}

/** In the way in which `spelling` is written: with dots or in camelCase. */
function namesLike(spelling: string, part: Part): string[] {
  const settings: Settings = parts[part]
  return Object.entries(settings).flatMap(([name, { kafka }]) => (spelling.includes('.') ? (kafka ?? []) : name))
}

/** `sasl` of `sasl.username` and of `saslUsername`. */
function firstWord(name: string): string {
  return /^[a-z]+/.exec(name)?.[0] ?? name
}
