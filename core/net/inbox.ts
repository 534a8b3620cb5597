import { FrameSplitter } from './frames.ts'
import type { FrameOptions } from './frames.ts'
import type { MemoryBudget, MemoryShare } from './memory-budget.ts'

/** The connection that the frames come over. */
export interface InboxOwner {
  /** False from when it is closed, or closing: no more frames are handed out. */
  readonly isOpen: boolean
  /** Called with what the handler threw, or why the bytes are no frames. */
  destroy(error: Error): void
}

export interface InboxOptions extends FrameOptions {
  /** What frames may take, together with those of other connections. */
  budget?: MemoryBudget
}

/** Frames on their way in: cut out of the bytes that arrive, handed out one after the other, held while the handler wants no more. */
export class Inbox {
  readonly #splitter: FrameSplitter
  readonly #owner: InboxOwner
  readonly #memory: MemoryShare | undefined
  #handler: (frame: Buffer) => void
  #paused: boolean
  #delivering: boolean

  constructor(options: InboxOptions, owner: InboxOwner) {
    this.#memory = options.budget?.share((error) => owner.destroy(error))
    this.#splitter = new FrameSplitter(options, this.#memory)
    this.#owner = owner
    this.#handler = () => {}
    this.#paused = false
    this.#delivering = false
  }

  /** True when there is no memory to read on; then {@link whenRoom}. */
  get isStarved(): boolean {
    return this.#splitter.isStarved
  }

  /** Calls `resume` once, after what has come already has been handed out as far as there is room. */
  whenRoom(resume: () => void): void {
    this.#memory!.whenRoom(() => {
      this.#deliver()
      resume()
    })
  }

  /** The connection has ended: its memory is free. */
  release(): void {
    this.#memory?.release()
  }

  get isPaused(): boolean {
    return this.#paused
  }

  /** Where the next bytes may be read to without a copy; then call {@link filled}. */
  get room(): Buffer | undefined {
    return this.#splitter.room
  }

  onFrame(handler: (frame: Buffer) => void): void {
    this.#handler = handler
  }

  /** No larger frames from now on. */
  limit(frameBytesMax: number): void {
    this.#splitter.limit(frameBytesMax)
  }

  push(bytes: Buffer): void {
    this.#splitter.push(bytes)
    this.#deliver()
    this.#splitter.own()
  }

  /** `count` bytes have been read to the {@link room}. */
  filled(count: number): void {
    this.#splitter.filled(count)
    this.#deliver()
  }

  pause(): void {
    this.#paused = true
    this.#memory?.suspend()
  }

  /** Hands out what was held; the handler may pause again meanwhile. */
  resume(): void {
    this.#paused = false
    this.#memory?.resume()
    this.#deliver()
  }

  #deliver(): void {
    // A handler that resumes is called from here already.
    if (this.#delivering) return
    this.#delivering = true
    try {
      while (!this.#paused && this.#owner.isOpen) {
        const frame = this.#splitter.next()
        if (frame === undefined) break
        this.#handler(frame)
        // At once: a handler that has paused us must not wait for memory that we hold.
        this.#splitter.done()
      }
    } catch (error) {
      this.#owner.destroy(error as Error)
    } finally {
      this.#delivering = false
    }
  }
}
