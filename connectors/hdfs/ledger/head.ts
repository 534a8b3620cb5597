import { MoldauError } from '../../../core/base/errors.ts'
import { newestCheckpoint, readCheckpoint } from './checkpoint.ts'
import { chainName, type ChainContext } from './context.ts'
import { damaged, decodeEntry, FIRST_PREVIOUS, type StoredEntry } from './entry.ts'
import { entryName, seqOf } from './names.ts'

/** The end of a chain. */
export interface Head {
  /** 0: nothing was ever committed. */
  readonly seq: number
  readonly next: number
  readonly stored: StoredEntry | undefined
  /** The newest checkpoint, 0 for none. */
  readonly checkpoint: number
}

/** Each further try means that a checkpoint was published meanwhile, which happens every hundred commits. */
const TRIES_MAX = 100

/** Finds the head of a chain, as owner and as reader: steps H1 to H4. `sink` undefined: the entries of any sink are taken. */
export async function findHead(context: ChainContext, sink: string | undefined): Promise<Head> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const head = await lookForHead(context, sink)
    if (head !== undefined) return head
  }
  throw new MoldauError(
    'STORAGE_FAILED',
    `${chainName(context)}: its checkpoints changed ${TRIES_MAX} times while the head was looked for`,
    {
      retriable: true,
    },
  )
}

/** One try; undefined: what was read is not of one moment. */
async function lookForHead(context: ChainContext, sink: string | undefined): Promise<Head | undefined> {
  const { fs, paths, rules } = context
  // H1
  const covered = await newestCheckpoint(context)
  const checkpoint = covered === 0 ? undefined : await readCheckpoint(context, covered)
  if (covered !== 0 && checkpoint === undefined) return undefined
  // H2
  const listed = new Set<number>()
  for (const { name } of (await fs.list(paths.ledger)) ?? []) {
    const seq = seqOf(name)
    if (seq !== undefined && seq > covered) listed.add(seq)
  }
  let seq = covered
  while (listed.has(seq + 1)) seq++
  // A listing may miss a name made while it ran, so the end is asked for by name.
  let text: Buffer | undefined
  for (let after = await read(context, seq + 1); after !== undefined; after = await read(context, seq + 1)) {
    seq++
    text = after
  }
  if (seq > covered && text === undefined) text = await read(context, seq)
  const before = seq - 1 > covered ? await read(context, seq - 1) : undefined
  // H3
  if (rules.isStale(covered, await newestCheckpoint(context))) return undefined
  if ((seq > covered && text === undefined) || (seq - 1 > covered && before === undefined)) {
    throw damaged(path(context, text === undefined ? seq : seq - 1), 'it was listed, and no checkpoint covers it, but it is not there')
  }
  for (const other of listed) if (other > seq) throw damaged(path(context, seq + 1), `it is missing, and entry ${other} is there`)
  // H4
  if (seq === covered) return { seq, next: checkpoint?.next ?? 0, stored: checkpoint?.head, checkpoint: covered }
  const stored = decodeEntry(text!.toString(), path(context, seq))
  const previous = before === undefined ? checkpoint?.head : decodeEntry(before.toString(), path(context, seq - 1))
  checkEntry(context, stored, seq, previous, sink)
  return { seq, next: stored.entry.next, stored, checkpoint: covered }
}

/** What every entry must be, given the one before it. Throws LEDGER_DAMAGED or LEDGER_MISMATCH. */
export function checkEntry(
  context: ChainContext,
  { entry }: StoredEntry,
  seq: number,
  previous: StoredEntry | undefined,
  sink: string | undefined,
): void {
  const where = path(context, seq)
  if (entry.seq !== seq) throw damaged(where, `it says that it is entry ${entry.seq}`)
  if (entry.previous !== (previous?.crc32c ?? FIRST_PREVIOUS)) throw damaged(where, `it does not follow entry ${seq - 1} as that is now`)
  if (entry.from !== (previous?.entry.next ?? 0)) throw damaged(where, `it begins at offset ${entry.from}, not where entry ${seq - 1} ends`)
  if (entry.source.topic !== context.topic || entry.source.partition !== context.partition) {
    throw damaged(where, `it is of ${entry.source.topic}-${entry.source.partition}`)
  }
  if (sink !== undefined && entry.sink !== sink) {
    throw new MoldauError(
      'LEDGER_MISMATCH',
      `${where} was written by sink ${entry.sink}, and sink.json says ${sink}: two directories were mixed`,
    )
  }
}

function path(context: ChainContext, seq: number): string {
  return `${context.paths.ledger}/${entryName(seq)}`
}

function read(context: ChainContext, seq: number): Promise<Buffer | undefined> {
  return context.fs.read(path(context, seq))
}
