import { MoldauError } from '../core/base/errors.ts'

/** Longest line taken, in bytes: an input without line ends must not fill the memory. */
export const lineBytesMax = 64 * 1024 * 1024

const NEWLINE = 0x0a

/**
 * The lines of a stream byte for byte, without their line feed: what is not UTF-8 and carriage returns stay as they are. Handed out as
 * they come, the lines of one chunk together. A last line without line feed counts, an empty one behind the last line feed does not.
 *
 * @throws INVALID_ARGUMENT naming the line that is longer than {@link lineBytesMax}
 */
export async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer[]> {
  let head: Buffer[] = []
  let headBytes = 0
  let count = 0
  for await (const chunk of stream) {
    const lines: Buffer[] = []
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const tail = chunk.subarray(start, end)
      lines.push(head.length === 0 ? tail : Buffer.concat([...head, tail]))
      head = []
      headBytes = 0
      start = end + 1
    }
    count += lines.length
    if (start < chunk.length) head.push(chunk.subarray(start))
    headBytes += chunk.length - start
    if (headBytes > lineBytesMax) {
      throw new MoldauError('INVALID_ARGUMENT', `line ${count + 1} of the input is longer than ${lineBytesMax} bytes; is it text?`)
    }
    if (lines.length > 0) yield lines
  }
  if (headBytes > 0) yield [Buffer.concat(head)]
}
