import { MoldauError } from '../../base/errors.ts'
import type { BrokerConnection } from '../../cluster/connection.ts'
import { AlterConfigs } from '../../protocol/messages/alter-configs.ts'
import type { ConfigAlteration, ConfigDescription, ConfigSource } from './config-types.ts'
import { answerName, describeConfigs, resourceCode, resourceName } from './describe-configs.ts'
import type { Answer } from './settle.ts'

/** What was set for the thing itself, and would be gone if it were not written again. */
const ownSources: ReadonlySet<ConfigSource> = new Set(['dynamicTopicConfig', 'dynamicBrokerConfig', 'dynamicBrokerLoggerConfig'])

/** For brokers before IncrementalAlterConfigs (2.3): reads what is set, changes that, and replaces all. */
export async function replaceConfigs(
  connection: BrokerConnection,
  alterations: readonly ConfigAlteration[],
  validateOnly: boolean,
): Promise<Answer<void>[]> {
  const described = new Map((await describeConfigs(connection, alterations, {})).map((answer) => [answer.name, answer]))
  const refused: Answer<void>[] = []
  const resources = alterations.flatMap((alteration) => {
    const name = resourceName(alteration)
    const answer = described.get(name)
    if (answer?.value === undefined || (answer.errorCode ?? 0) !== 0) {
      refused.push({ name, errorCode: answer?.errorCode ?? -1, errorMessage: answer?.errorMessage ?? null })
      return []
    }
    const secret = secretOf(answer.value, alteration)
    if (secret !== undefined) {
      const text = `${name}: this broker can only replace all settings, and '${secret}' is secret and cannot be read: name it, too`
      refused.push({ name, error: new MoldauError('UNSUPPORTED_VERSION', text) })
      return []
    }
    const configs = [...changed(answer.value, alteration)].map(([key, value]) => ({ name: key, value }))
    return [{ ...resourceCode(alteration), configs }]
  })
  if (resources.length === 0) return refused
  const { responses } = await connection.request(AlterConfigs, { resources, validateOnly })
  return [...responses.map((each) => ({ ...each, name: answerName(each) })), ...refused]
}

function secretOf({ entries }: ConfigDescription, { set = {}, delete: remove = [] }: ConfigAlteration): string | undefined {
  const isNamed = (name: string): boolean => name in set || remove.includes(name)
  return entries.find(({ name, sensitive, source }) => sensitive && ownSources.has(source) && !isNamed(name))?.name
}

/** The settings of a thing after the change. */
export function changed(
  { entries }: ConfigDescription,
  { set = {}, delete: remove = [], append = {}, subtract = {} }: ConfigAlteration,
): Map<string, string | null> {
  const values = new Map(entries.filter(({ source }) => ownSources.has(source)).map(({ name, value }) => [name, value]))
  for (const [name, value] of Object.entries(set)) values.set(name, String(value))
  for (const name of remove) values.delete(name)
  const listOf = (name: string): string[] => split(values.get(name) ?? entries.find((each) => each.name === name)?.value ?? '')
  for (const [name, text] of Object.entries(append)) values.set(name, [...new Set([...listOf(name), ...split(text)])].join(','))
  for (const [name, text] of Object.entries(subtract)) {
    const gone = new Set(split(text))
    values.set(
      name,
      listOf(name)
        .filter((each) => !gone.has(each))
        .join(','),
    )
  }
  return values
}

function split(list: string): string[] {
  return list.split(',').filter((each) => each !== '')
}
