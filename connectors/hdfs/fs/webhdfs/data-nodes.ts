import { NoAnswer, type Answer } from './exchange.ts'

/** How often a node is asked for that answers before it is given up. */
const TRIES_MAX = 5

/** Asks the NameNode for a DataNode, none of these hosts. */
export type Locate = (parameters: Readonly<Record<string, string>>) => Promise<Answer>

/**
 * Does something at the DataNode that the NameNode names, and where nobody answers at another one: a NameNode takes a dead one for alive
 * for ten minutes. Undefined: the NameNode knows no such file.
 *
 * @param located the address in an answer, undefined when it says that there is no such file
 * @throws NoAnswer when none of several answers
 */
export async function atDataNode<T>(
  locate: Locate,
  located: (answer: Answer) => string | undefined,
  use: (location: string) => Promise<T>,
): Promise<T | undefined> {
  let excluded: string[] = []
  for (let tries = 1; ; tries++) {
    let answer = await locate(excluding(excluded))
    if (answer.status !== 200 && excluded.length > 0) {
      // There are no others (or hosts with several DataNodes): the same once more.
      excluded = []
      answer = await locate({})
    }
    const location = located(answer)
    if (location === undefined) return undefined
    try {
      return await use(location)
    } catch (error) {
      if (!(error instanceof NoAnswer) || tries >= TRIES_MAX) throw error
      excluded.push(new URL(location).hostname)
    }
  }
}

function excluding(hosts: readonly string[]): Record<string, string> {
  return hosts.length === 0 ? {} : { excludedatanodes: hosts.join(',') }
}
