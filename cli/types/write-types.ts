import { readFile, writeFile } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import { MoldauError, messageOf } from '../../core/base/errors.ts'
import { print } from '../output.ts'
import { generateTypes, type SchemaFile } from './generate.ts'
import type { Schema } from './definitions.ts'

/** @throws INPUT_MISSING a file cannot be read; INVALID_ARGUMENT what is wrong with a schema */
export async function writeTypes(files: readonly string[], out: string | undefined): Promise<void> {
  const text = generateTypes(await Promise.all(files.map(read)))
  if (out === undefined) await print(text)
  else await writeFile(out, text)
}

async function read(file: string): Promise<SchemaFile> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new MoldauError('INPUT_MISSING', `cannot read ${file}: ${messageOf(cause)}`, { cause })
  })
  try {
    return { name: basename(file, extname(file)), schema: JSON.parse(text) as Schema }
  } catch (cause) {
    throw new MoldauError('INVALID_ARGUMENT', `${file} is no JSON: ${messageOf(cause)}`, { cause })
  }
}
