/** How many are remembered per segment. */
const PLACES_MAX = 32

/** A batch in a segment's file. */
export interface Place {
  readonly position: number
  /** The offset that the batch is expected to begin with; in a compacted log it may begin later. */
  readonly expected: number
  /** Its size as the header has it, unchecked; 0 when nobody has looked. */
  readonly size: number
}

/** Where reads of a segment have ended: that is where the same consumer, or the next one behind it, begins its next read. */
export class Places {
  /** Made when the first is noted: most segments are never read. The oldest is overwritten by the newest. */
  #places: Place[] | undefined
  #next: number

  constructor() {
    this.#places = undefined
    this.#next = 0
  }

  /** The batch that follows the one that ended just before `offset`. */
  find(offset: number): Place | undefined {
    return this.#places?.find(({ expected }) => expected === offset)
  }

  note(place: Place): void {
    const places = (this.#places ??= [])
    const known = places.findIndex(({ expected }) => expected === place.expected)
    const at = known >= 0 ? known : this.#next
    places[at] = place
    if (known < 0) this.#next = (this.#next + 1) % PLACES_MAX
  }

  /** The file ends at `position` now. */
  truncate(position: number): void {
    const kept = this.#places?.filter((place) => place.position < position)
    this.#places = kept
    this.#next = (kept?.length ?? 0) % PLACES_MAX
  }
}
