/** Which sides must be there for a result. */
export type JoinKind = 'inner' | 'left' | 'outer'

export type Joiner = (left: never, right: never, key: never) => unknown

/** As the runner calls it: the declaration's types were checked by the compiler. */
export type LooseJoiner = (left: unknown, right: unknown, key: unknown) => unknown

/** What a join is called in the declaration. */
export function joinName(how: JoinKind): string {
  return how === 'inner' ? 'join' : `${how}Join`
}
