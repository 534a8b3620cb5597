import { level } from './level.ts'
import { least } from './rank.ts'

/** One partition number of one part of a pipeline. */
export interface TaskToPlace {
  readonly id: string
  /** Names its part: tasks of one part are spread over the members. */
  readonly part: string
  readonly stateful: boolean
  /** Who knows the code of it: all members, but for a while in which they run different versions. By their places in the list of members. */
  readonly members: readonly number[]
}

/** A member of the group, as the placement looks at it. */
export interface PlacingMember {
  /** Threads of one process die together, so that none of them keeps a copy for another. */
  readonly process: string
  /** What it had before. */
  readonly owned: ReadonlySet<string>
  /** How many records of the changelogs of a task it would have to read, where it has a copy of the state. */
  readonly lags: ReadonlyMap<string, number>
}

export interface PlacingOptions {
  /** Copies of the state of each task, beside that of the one who works on it. */
  readonly standbys: number
  /** A copy that is no further behind than this, in records, is as good as one that is not. */
  readonly acceptableRecoveryLag: number
  /** How many copies may be made at a time by members that are to take a task over. */
  readonly maxWarmups: number
}

/** Ids of tasks, by the place of the member in the list. */
export interface Placement {
  readonly active: readonly string[][]
  readonly standby: readonly string[][]
  /** A task that is to come here when its state is: until then it stays where the state is. */
  readonly warmup: readonly string[][]
}

/**
 * Says who works on which task and who keeps copies of its state, in Kafka Streams' terms (KIP-441): numbers of tasks that differ by one at
 * most, with as few moves as that takes, the parts of a pipeline spread over the members as far as that takes no more moves. A task whose
 * state only others have stays with them for a while, and the member that is to have it makes a copy first.
 *
 * The result depends on nothing but the arguments: the order of the members is to be one that all leaders come to.
 *
 * @param tasks in an order that all leaders come to
 * @param lagOfNothing records in the changelogs of a task
 */
export function place(
  tasks: readonly TaskToPlace[],
  members: readonly PlacingMember[],
  lagOfNothing: (task: TaskToPlace) => number,
  options: PlacingOptions,
): Placement {
  const lagOf = (task: TaskToPlace, member: number): number => {
    if (!task.stateful) return 0
    const lag = members[member]!.lags.get(task.id) ?? lagOfNothing(task)
    return lag <= options.acceptableRecoveryLag ? 0 : lag
  }
  const homes = new Map(tasks.map((task) => [task, homeOf(task, members, lagOf)]))
  const ideal = placeActive(tasks, members, homes, lagOf)
  const active: TaskToPlace[][] = members.map(() => [])
  const warmup: TaskToPlace[][] = members.map(() => [])
  let warmups = 0
  for (const [member, own] of ideal.entries()) {
    for (const task of own) {
      const home = homes.get(task)
      const isWarm = lagOf(task, member) === 0
      if (isWarm || home === undefined || lagOf(task, home) > 0) active[member]!.push(task)
      else {
        active[home]!.push(task)
        if (warmups++ < options.maxWarmups) warmup[member]!.push(task)
      }
    }
  }
  const standby = placeStandbys(tasks, members, active, options)
  // A copy that is there anyway need not be made twice.
  const extra = warmup.map((list, member) => list.filter((task) => !standby[member]!.includes(task)))
  return { active: active.map(idsOf), standby: standby.map(idsOf), warmup: extra.map(idsOf) }
}

/** Who would have least to do to take a task: who had it, unless its state is elsewhere; who has the best copy. */
function homeOf(task: TaskToPlace, members: readonly PlacingMember[], lagOf: Lags): number | undefined {
  const owns = (member: number): boolean => members[member]!.owned.has(task.id)
  const lag = (member: number): number | undefined => (task.stateful ? members[member]!.lags.get(task.id) : undefined)
  const candidates = task.members.filter((member) => owns(member) || lag(member) !== undefined)
  return least(candidates, (member) => [lagOf(task, member), owns(member) ? 0 : 1, lag(member) ?? Infinity])
}

type Lags = (task: TaskToPlace, member: number) => number

function placeActive(
  tasks: readonly TaskToPlace[],
  members: readonly PlacingMember[],
  homes: ReadonlyMap<TaskToPlace, number | undefined>,
  lagOf: Lags,
): TaskToPlace[][] {
  const placed: TaskToPlace[][] = members.map(() => [])
  const homeless: TaskToPlace[] = []
  for (const task of tasks) {
    const home = homes.get(task)
    if (home === undefined) homeless.push(task)
    else placed[home]!.push(task)
  }
  for (const task of homeless) placed[emptiest(task.members, placed, task.part)]!.push(task)
  level(placed, {
    may: (task, to) => task.members.includes(to),
    cost: (task, from, to) => [
      members[from]!.owned.has(task.id) ? 2 : homes.get(task) === from ? 1 : 0,
      lagOf(task, to),
      ofPart(placed[to]!, task.part) - ofPart(placed[from]!, task.part),
    ],
  })
  return placed
}

function placeStandbys(
  tasks: readonly TaskToPlace[],
  members: readonly PlacingMember[],
  active: readonly TaskToPlace[][],
  { standbys }: PlacingOptions,
): TaskToPlace[][] {
  const placed: TaskToPlace[][] = members.map(() => [])
  if (standbys === 0) return placed
  const stateful = tasks.filter((task) => task.stateful)
  const keepers = new Map(stateful.map((task) => [task, [active.findIndex((own) => own.includes(task))]]))
  for (let copy = 0; copy < standbys; copy++) {
    for (const task of stateful) {
      const taken = keepers.get(task)!
      const apart = task.members.filter((member) => taken.every((other) => members[other]!.process !== members[member]!.process))
      const had = apart.filter((member) => members[member]!.lags.has(task.id))
      const member = least(had.length > 0 ? had : apart, (one) => [members[one]!.lags.get(task.id) ?? 0, placed[one]!.length])
      if (member === undefined) continue
      placed[member]!.push(task)
      taken.push(member)
    }
  }
  level(placed, {
    may: (task, to) => task.members.includes(to) && !keepers.get(task)!.includes(to) && !closer(task, to),
    cost: (task, from, to) => [
      members[from]!.lags.has(task.id) ? 1 : 0,
      members[to]!.lags.get(task.id) ?? Infinity,
      ofPart(placed[to]!, task.part) - ofPart(placed[from]!, task.part),
    ],
    moved: (task, from, to) => keepers.get(task)!.splice(keepers.get(task)!.indexOf(from), 1, to),
  })
  return placed

  /** Whether a copy there would be in a process that has one: then it stays where it is. */
  function closer(task: TaskToPlace, to: number): boolean {
    return keepers.get(task)!.some((other) => members[other]!.process === members[to]!.process)
  }
}

function emptiest(among: readonly number[], placed: readonly TaskToPlace[][], part: string): number {
  return least(among, (member) => [placed[member]!.length, ofPart(placed[member]!, part)])!
}

function ofPart(tasks: readonly TaskToPlace[], part: string): number {
  let count = 0
  for (const task of tasks) if (task.part === part) count++
  return count
}

function idsOf(tasks: readonly TaskToPlace[]): string[] {
  return tasks.map(({ id }) => id)
}
