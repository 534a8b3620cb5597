import { operations } from '../../security/acl.ts'
import type { Operation } from '../../security/acl.ts'

/** Numbers of the protocol in words, as Kafka's enums have them. */

/** The name of a code in a table of names, undefined for one that is newer than we are. */
export function nameOf<Name extends string>(table: Readonly<Record<Name, number>>, code: number): Name | undefined {
  return (Object.keys(table) as Name[]).find((name) => table[name] === code)
}

/** The word itself where it is one that we know, `Unknown` for one of a newer broker. */
export function wordOf<Word extends string>(words: readonly Word[], word: string): Word | 'Unknown' {
  return (words as readonly string[]).includes(word) ? (word as Word) : 'Unknown'
}

/** What a broker says when nobody asked for the operations, or it is too old to know them. */
const NOT_ASKED = -0x8000_0000

/** A bit for each operation (KIP-430). */
export function authorizedOperations(bits: number): { authorizedOperations?: Operation[] } {
  if (bits === NOT_ASKED) return {}
  const names = (Object.keys(operations) as Operation[]).filter((name) => (bits & (1 << operations[name])) !== 0)
  return { authorizedOperations: names }
}
