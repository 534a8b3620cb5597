import { systemClock } from '../../core/base/clock.ts'
import { Channel } from '../../core/net/channel.ts'
import { tcpDialer } from '../../core/net/dialer.ts'

/** Their partitions. */
export const TOPICS = { t: 4, u: 3 } as const
export type Topic = keyof typeof TOPICS
export const topicNames = Object.keys(TOPICS) as Topic[]

interface Member {
  id: string
  epoch: number
  generation: number
  owned: Record<string, number[]>
}

/** One of the two brokers, with what it has told the members: what they send next depends on it. */
export class Side {
  readonly name: string
  readonly #port: number
  readonly #channels: Map<string, Channel>
  readonly ids: Record<string, string>
  readonly members: Map<string, Member>
  readonly #labels: Map<string, string>

  constructor(name: string, port: number) {
    this.name = name
    this.#port = port
    this.#channels = new Map()
    this.ids = {}
    this.members = new Map()
    this.#labels = new Map()
  }

  /** A connection for each member: a request that waits must not hold up the others. */
  async channel(of: string): Promise<Channel> {
    let channel = this.#channels.get(of)
    if (channel === undefined) {
      channel = new Channel(await tcpDialer().dial('127.0.0.1', this.#port), { clientId: 'test', clock: systemClock })
      this.#channels.set(of, channel)
    }
    return channel
  }

  member(label: string): Member {
    let member = this.members.get(label)
    if (member === undefined) this.members.set(label, (member = { id: label, epoch: 0, generation: -1, owned: {} }))
    return member
  }

  /** Ids that the broker made up are told by the member's label. */
  learn(label: string, id: string): void {
    if (id !== '') this.#labels.set(id, label)
  }

  label(id: string): string {
    return this.#labels.get(id) ?? id
  }

  nameOf(topicId: string): string {
    return topicNames.find((name) => this.ids[name] === topicId) ?? topicId
  }

  forget(): void {
    this.members.clear()
    this.#labels.clear()
    for (const channel of this.#channels.values()) channel.close()
    this.#channels.clear()
  }

  named(list: readonly { topicId: string; partitions: readonly number[] }[]): Record<string, number[]> {
    return Object.fromEntries(
      list
        .map(({ topicId, partitions }): [string, number[]] => [this.nameOf(topicId), partitions.toSorted((a, b) => a - b)])
        .toSorted(byText),
    )
  }
}

/** Lists come in whatever order each broker has. */
export function byText(a: unknown, b: unknown): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1
}
