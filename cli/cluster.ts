import type { Client, ClientOptions } from '../core/index.ts'
import { MoldauError } from '../core/base/errors.ts'
import { AdminError } from '../core/client/admin/admin-error.ts'

export type { Client }
export type Admin = Client['admin']

/** `--command-config` of the command that runs. */
let commandConfig: string | undefined

/** Which file says how every client of this process connects. */
export function useCommandConfig(path: string | undefined): void {
  commandConfig = path
}

/** Connects, works, and leaves no connection behind, however the work ends. */
export async function withClient<T>(bootstrap: string, work: (client: Client) => Promise<T>): Promise<T> {
  // Not before it is needed: --help and the other commands start sooner.
  const { connect } = await import('../core/client/connect.ts')
  const client = await connect(bootstrap, await clientOptions())
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}

/** How to connect and who we are, as `--command-config` says. */
export async function clientOptions(): Promise<ClientOptions> {
  if (commandConfig === undefined) return {}
  const { readClientConfig } = await import('./client-config.ts')
  return readClientConfig(commandConfig)
}

/** Topics that must be there: nobody makes one by looking at it. @throws UNKNOWN_TOPIC naming the topic and the command that lists the others */
export async function describeTopics(admin: Admin, names: readonly string[]) {
  try {
    return await admin.describeTopics(names)
  } catch (cause) {
    const failures = cause instanceof AdminError ? [...cause.failures] : []
    const missing = failures.find(([, { code }]) => code === 'UNKNOWN_TOPIC')?.[0]
    if (missing === undefined) throw cause
    throw new MoldauError('UNKNOWN_TOPIC', `topic '${missing}' does not exist; 'moldau topics' lists those that do`, { cause })
  }
}
