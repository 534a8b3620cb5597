import { MoldauError } from '../base/errors.ts'

/** One login module as `sasl.jaas.config` names it, with its options. */
export interface JaasEntry {
  /** `org.apache.kafka.common.security.plain.PlainLoginModule` */
  readonly module: string
  readonly options: ReadonlyMap<string, string>
}

const TOKEN = /\s*(?:"((?:[^"\\]|\\[\s\S])*)"|([^\s"=;]+)|(=)|(;))/y

/**
 * Reads a value of `sasl.jaas.config`: `module required name="value" ...;`. The text may hold passwords, so errors do not repeat it.
 *
 * @param setting names the text in errors
 * @throws MoldauError INVALID_CONFIG
 */
export function parseJaas(setting: string, text: string): JaasEntry {
  const tokens = tokensOf(setting, text)
  const [module, flag, ...rest] = tokens
  if (module === undefined || flag === undefined || !/^(required|requisite|sufficient|optional)$/i.test(flag)) throw wrong(setting)
  if (rest.pop() !== ';') throw wrong(setting)
  const options = new Map<string, string>()
  for (let i = 0; i < rest.length; i += 3) {
    const [name, equals, value] = rest.slice(i, i + 3)
    if (equals !== '=' || value === undefined || value === ';') throw wrong(setting)
    options.set(name!, value)
  }
  return { module, options }
}

function tokensOf(setting: string, text: string): string[] {
  const tokens: string[] = []
  TOKEN.lastIndex = 0
  const end = text.trimEnd().length
  while (TOKEN.lastIndex < end) {
    const match = TOKEN.exec(text)
    if (match === null) throw wrong(setting)
    tokens.push(match[1]?.replaceAll(/\\([\s\S])/g, '$1') ?? match[2] ?? match[3] ?? match[4]!)
  }
  return tokens
}

function wrong(setting: string): MoldauError {
  const form = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="…" password="…";'
  return new MoldauError('INVALID_CONFIG', `${setting} is not of the form: ${form}`)
}
