import { createHash } from 'node:crypto'
import type { Assignor } from '../../core/client/assignors/assignor.ts'
import type { Settings } from '../options.ts'
import { assignGroup } from './assign-group.ts'
import { fold, type PipelineAssignment, type PipelineSubscription, readAssignment, writeMessage } from './messages.ts'

/** What a worker tells of itself that does not change while it runs. */
export interface Declared {
  readonly settings: Settings
  /** Topics that are read together. */
  readonly parts: PipelineSubscription['parts']
  /** Where its stores can be asked; empty: nowhere. */
  readonly endpoint: string
}

export interface GroupTalkOptions {
  /** Asked when the group is joined. */
  readonly declared: () => Declared
  /** Of what state it has how much. */
  readonly copies: () => PipelineSubscription['copies']
}

/** What the workers of a pipeline tell each other through their group: this one's end of it. */
export class GroupTalk {
  readonly assignor: Assignor
  readonly #options: GroupTalkOptions
  #given: PipelineAssignment | undefined
  #unique: number

  constructor(options: GroupTalkOptions) {
    this.#options = options
    this.#given = undefined
    this.#unique = 0
    this.assignor = {
      name: 'moldau-tasks',
      assign: assignGroup,
      userData: (last) => {
        const { settings, parts, endpoint } = this.#options.declared()
        return writeMessage({
          process: settings.process,
          unique: this.#unique++,
          digest: this.#digest(),
          endpoint,
          standbys: settings.standbys,
          acceptableRecoveryLag: settings.acceptableRecoveryLag,
          maxWarmups: settings.maxWarmups,
          parts,
          previous: fold(last?.partitions ?? []),
          generation: last?.generation ?? -1,
          copies: this.#options.copies(),
        })
      },
      onAssignment: ({ userData }) => (this.#given = readAssignment(userData)),
    }
  }

  /** What the leader has told last. */
  get given(): PipelineAssignment | undefined {
    return this.#given
  }

  /**
   * Whether the leader knew an earlier self of this worker: a static member that comes back is given what it had, and not asked what it
   * says of itself now.
   */
  get isOutdated(): boolean {
    return this.#given !== undefined && this.#given.digest !== this.#digest()
  }

  #digest(): string {
    const { settings, parts, endpoint } = this.#options.declared()
    const said = [settings.process, settings.standbys, settings.acceptableRecoveryLag, settings.maxWarmups, parts, endpoint]
    return createHash('sha256').update(JSON.stringify(said)).digest('base64url').slice(0, 16)
  }
}
