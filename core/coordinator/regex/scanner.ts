import { MoldauError } from '../../base/errors.ts'

/** Walks over the text of an expression. */
export class Scanner {
  readonly text: string
  #at: number

  constructor(text: string) {
    this.text = text
    this.#at = 0
  }

  get atEnd(): boolean {
    return this.#at >= this.text.length
  }

  sees(part: string): boolean {
    return this.text.startsWith(part, this.#at)
  }

  take(part: string): boolean {
    if (!this.sees(part)) return false
    this.#at += part.length
    return true
  }

  /** `pattern` is sticky. */
  takeMatch(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  /** The code of the next character. */
  next(): number {
    if (this.atEnd) throw this.wrong('it ends too early')
    return this.text.charCodeAt(this.#at++)
  }

  wrong(why: string): MoldauError {
    return new MoldauError('INVALID_ARGUMENT', `error parsing regexp: ${why} at character ${this.#at} of \`${this.text}\``)
  }
}
