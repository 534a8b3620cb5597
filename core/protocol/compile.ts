import { Writer } from '../base/bytes.ts'
import type { Reader } from '../base/bytes.ts'
import { decoderSource } from './compile-decode.ts'
import { encoderSource } from './compile-encode.ts'
import { Constants } from './constants.ts'
import type { Message } from './schema.ts'
import * as wire from './wire.ts'

/** Straight-line code for one version of one message, made when it is first used (about 60 us). */

export interface Compiled {
  decode(r: Reader): unknown
  encode(w: Writer, body: unknown): void
}

/** The generated code, and the constants it refers to. */
export function sourceOf(message: Message, version: number): { code: string; constants: readonly unknown[] } {
  const constants = new Constants()
  const code = [
    "'use strict'",
    `const { ${Object.keys(wire).join(', ')} } = wire`,
    decoderSource(message, version, constants),
    encoderSource(message, version, constants),
    'return { decode, encode }',
    `//# sourceURL=moldau:${message.name}.v${version}`,
  ].join('\n')
  return { code, constants: constants.values }
}

/** @throws EvalError where code generation is forbidden (`--disallow-code-generation-from-strings`) */
export function compile(message: Message, version: number): Compiled {
  const { code, constants } = sourceOf(message, version)
  // eslint-disable-next-line typescript/no-implied-eval -- the source is ours, made from schemas that are ours
  return new Function('wire', 'Writer', 'constants', code)(wire, Writer, constants) as Compiled
}
