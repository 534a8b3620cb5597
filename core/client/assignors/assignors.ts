import type { Kind } from '../settings.ts'
import type { Assignor } from './assignor.ts'
import { cooperativeSticky } from './cooperative-sticky.ts'
import { range } from './range.ts'
import { roundrobin } from './roundrobin.ts'
import { sticky } from './sticky.ts'

const builtIn = { range, roundrobin, sticky, 'cooperative-sticky': cooperativeSticky } as const

/** Kafka's names. */
export type AssignorName = keyof typeof builtIn

/** Kafka's default: groups use range, and may be changed to cooperative-sticky by leaving range out, one consumer after the other. */
export const defaultAssignors: readonly AssignorName[] = ['range', 'cooperative-sticky']

/** Kafka's classes, as they stand in the settings of a Java client. */
const classNames: Readonly<Record<string, AssignorName>> = {
  'org.apache.kafka.clients.consumer.RangeAssignor': 'range',
  'org.apache.kafka.clients.consumer.RoundRobinAssignor': 'roundrobin',
  'org.apache.kafka.clients.consumer.StickyAssignor': 'sticky',
  'org.apache.kafka.clients.consumer.CooperativeStickyAssignor': 'cooperative-sticky',
}

/** A list of names, with commas between them, or of names and objects; each name once. */
export const assignmentStrategy: Kind<readonly (AssignorName | Assignor)[]> = {
  what: `a list of ${Object.keys(builtIn).join(', ')} or objects with a name and assign(), each once`,
  read(value) {
    const list: unknown = typeof value === 'string' ? value.split(',').map((name) => name.trim()) : value
    if (!Array.isArray(list) || list.length === 0) return undefined
    const read = list.map((each: unknown) => (typeof each === 'string' ? (classNames[each] ?? each) : each))
    if (!read.every(isAssignor)) return undefined
    return new Set(read.map(nameOf)).size === read.length ? read : undefined
  },
}

function isAssignor(value: unknown): value is AssignorName | Assignor {
  if (typeof value === 'string') return Object.hasOwn(builtIn, value)
  const { name, assign } = (value ?? {}) as Partial<Assignor>
  return typeof name === 'string' && name !== '' && typeof assign === 'function'
}

function nameOf(assignor: AssignorName | Assignor): string {
  return typeof assignor === 'string' ? assignor : assignor.name
}

export function resolveAssignors(given: readonly (AssignorName | Assignor)[]): Assignor[] {
  return given.map((assignor) => (typeof assignor === 'string' ? builtIn[assignor] : assignor))
}

/** Whether members keep what they own while they join: when all their assignors can (Kafka's RebalanceProtocol). */
export function isCooperative(assignors: readonly Assignor[]): boolean {
  return assignors.every(({ cooperative }) => cooperative === true)
}
