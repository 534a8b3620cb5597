import { readFileSync } from 'node:fs'

import { Option } from 'commander'

import { MoldauError, messageOf } from '../core/base/errors.ts'
import type { ClientOptions } from '../core/client/client-options.ts'

/** `--command-config`, as Kafka's tools have it: how to connect and who we are. */
export const commandConfigOption = () =>
  new Option(
    '--command-config <file>',
    "how clients connect to a broker with TLS or log-ins, a properties file as for Kafka's tools: docs/security.md",
  ).env('MOLDAU_COMMAND_CONFIG')

/** The settings in a file of Kafka's form. @throws MoldauError INPUT_MISSING */
export function readClientConfig(path: string): ClientOptions {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new MoldauError('INPUT_MISSING', `--command-config: cannot read ${path} (${messageOf(cause)})`, { cause })
  }
  return Object.fromEntries(parseProperties(text)) as ClientOptions
}

/** Java's properties: `name=value` or `name: value`, a backslash at the end of a line joins the next, # and ! begin comments. */
export function parseProperties(text: string): [string, string][] {
  const found: [string, string][] = []
  const joined = text.replaceAll(/\\\r?\n[ \t]*/g, '')
  for (const line of joined.split(/\r?\n/).map((each) => each.trim())) {
    if (line === '' || line.startsWith('#') || line.startsWith('!')) continue
    const match = /^((?:\\.|[^\\=:\s])+)\s*[=:\s]\s*([\s\S]*)$/.exec(line)
    if (match !== null) found.push([unescaped(match[1]!), unescaped(match[2]!)])
  }
  return found
}

const controls: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f' }

function unescaped(text: string): string {
  return text.replaceAll(/\\(?:u([0-9a-fA-F]{4})|(.))/g, (_, code: string | undefined, letter: string) =>
    code === undefined ? (controls[letter] ?? letter) : String.fromCharCode(Number.parseInt(code, 16)),
  )
}
