/** Ranges of message versions, written as Kafka writes them: '3', '0-4', '9+', 'none'. */

export type VersionsText = `${number}` | `${number}+` | `${number}-${number}`

export interface Versions {
  readonly first: number
  readonly last: number
}

export const LAST_VERSION = 32_767
export const ALL_VERSIONS: Versions = { first: 0, last: LAST_VERSION }
export const NO_VERSIONS: Versions = { first: 0, last: -1 }

/** @throws Error when the text is no range: a mistake in a schema, found when the module loads */
export function parseVersions(text: VersionsText | 'none'): Versions {
  if (text === 'none') return NO_VERSIONS
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text)
  if (match === null) throw new Error(`'${text}' is not a range of versions such as '3', '0-4' or '9+'`)
  const first = Number(match[1])
  const last = match[2] !== undefined ? LAST_VERSION : match[3] !== undefined ? Number(match[3]) : first
  return { first, last }
}

export function includes(versions: Versions, version: number): boolean {
  return version >= versions.first && version <= versions.last
}

export function describeVersions({ first, last }: Versions): string {
  return last < first ? 'none' : last === first ? `${first}` : last === LAST_VERSION ? `${first}+` : `${first}-${last}`
}
