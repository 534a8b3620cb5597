import { rm } from 'node:fs/promises'

/** The verdicts of a long run: prints what was wrong, and keeps the folders of those rounds for a look. */
export class Tally {
  #passed: number
  #failed: number

  constructor() {
    this.#passed = 0
    this.#failed = 0
  }

  async note(faults: readonly string[], dir: string): Promise<void> {
    for (const fault of faults.slice(0, 20)) console.log(`  ${fault}`)
    if (faults.length === 0) {
      this.#passed++
      await rm(dir, { recursive: true, force: true })
    } else {
      this.#failed++
      console.log(`  kept for a look: ${dir}`)
    }
  }

  /** Ends the process: with 0 when nothing was wrong. */
  end(): never {
    console.log(`${this.#passed} passed, ${this.#failed} failed`)
    process.exit(this.#failed === 0 ? 0 : 1)
  }
}
