import { MoldauError } from '../base/errors.ts'

/** Turns the distinguished name of a certificate into the name of a user. */
export type PrincipalMapping = (distinguishedName: string) => string

type Rule = (distinguishedName: string) => string | undefined

/** `DEFAULT`, or `RULE:pattern/replacement/` with L or U, in which a backslash quotes a slash. */
const RULE = /(DEFAULT)|RULE:((?:\\.|[^\\/])*)\/((?:\\.|[^\\/])*)\/([LU]?)/y

/**
 * Reads `ssl.principal.mapping.rules`: the first rule whose pattern matches the whole name tells the user's name (KIP-371, Kafka's SslPrincipalMapper).
 *
 * @throws MoldauError INVALID_CONFIG
 */
export function principalMapping(text: string): PrincipalMapping {
  const rules = parseRules(text)
  return (name) => {
    for (const rule of rules) {
      const mapped = rule(name)
      if (mapped !== undefined) return mapped
    }
    throw new MoldauError('AUTHENTICATION_FAILED', `no rule of ssl.principal.mapping.rules fits the certificate of '${name}'`)
  }
}

function parseRules(text: string): Rule[] {
  const rules: Rule[] = []
  let at = 0
  const skip = (pattern: RegExp): void => {
    pattern.lastIndex = at
    at += pattern.exec(text)?.[0].length ?? 0
  }
  for (skip(/\s*/y); at < text.length; skip(/\s*(?:,\s*)?/y)) {
    RULE.lastIndex = at
    const match = RULE.exec(text)
    const end = at + (match?.[0].length ?? 0)
    if (match === null || !/^\s*(?:,|$)/.test(text.slice(end))) {
      throw new MoldauError(
        'INVALID_CONFIG',
        `ssl.principal.mapping.rules: '${text.slice(at)}' is no rule: write DEFAULT, or RULE:pattern/replacement/ with L or U behind it`,
      )
    }
    at = end
    rules.push(match[1] === undefined ? replacing(match[2]!, match[3]!, match[4]!) : (name) => name)
  }
  return rules
}

function replacing(pattern: string, replacement: string, letters: string): Rule {
  let whole: RegExp
  try {
    whole = new RegExp(`^(?:${pattern})$`, 'u')
  } catch (cause) {
    throw new MoldauError('INVALID_CONFIG', `ssl.principal.mapping.rules: '${pattern}' is no regular expression`, { cause })
  }
  return (name) => {
    const groups = whole.exec(name)
    if (groups === null) return undefined
    const mapped = fillIn(replacement, groups)
    return letters === 'L' ? mapped.toLowerCase() : letters === 'U' ? mapped.toUpperCase() : mapped
  }
}

/** `$1` is the first group; a number without its group loses digits until there is one, or stays as it stands. */
function fillIn(replacement: string, groups: RegExpExecArray): string {
  return replacement.replace(/\\(.)|\$(\d+)/gu, (all, quoted: string | undefined, digits: string | undefined) => {
    if (quoted !== undefined) return quoted
    let number = digits!
    while (Number(number) >= groups.length && number.length > 1) number = number.slice(0, -1)
    return Number(number) >= groups.length ? all : (groups[Number(number)] ?? '') + digits!.slice(number.length)
  })
}
