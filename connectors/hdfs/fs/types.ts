/**
 * What the sink and its ledger need of a file system. Paths are relative to the directory the sink was given, with '/' between names.
 *
 * Answers are of three kinds, and the protocol leans on the difference: the call did it (true, a value), the store refused (false,
 * undefined), or it is not known (an error is thrown: the request may have run, or may still run later).
 */
export interface FileSystem {
  /** For messages. */
  readonly url: string
  /** Refuses, with DIRECTORY_UNUSABLE, a store that cannot keep the promises below; `directory` is there, and `unique` a name for trials. */
  probe(directory: string, unique: string): Promise<void>
  /** A new file. Fails when the name is taken or its directory is not there: a directory swept meanwhile must not come back. */
  create(path: string): Promise<FileWriter>
  /**
   * The commit: gives the file `from` the name `to` unless that name is taken, for one of any number of racers, and for good once the
   * answer is true. `from` is gone afterwards. False: `to` is taken, or `from` or the directory of `to` is not there.
   */
  putIfAbsent(from: string, to: string): Promise<boolean>
  /** Moves a file to a name that nobody else uses. False: `to` is taken, or `from` or the directory of `to` is not there. */
  rename(from: string, to: string): Promise<boolean>
  /** Makes a directory with all above it, lastingly. */
  mkdirs(path: string): Promise<void>
  /** Everything created before the call began is in it; undefined: no such directory. */
  list(path: string): Promise<FileStatus[] | undefined>
  status(path: string): Promise<FileStatus | undefined>
  read(path: string): Promise<Buffer | undefined>
  /** The content in chunks; undefined: no such file. */
  stream(path: string): Promise<AsyncIterable<Buffer> | undefined>
  /** Deletes a file, or a directory with all in it. False: it was not there. */
  delete(path: string): Promise<boolean>
  /**
   * Makes names created in, moved into or taken out of these directories outlive a loss of power. Nothing to do where the store does so
   * by itself (HDFS logs every change of its namespace).
   */
  sync(directories: Iterable<string>): Promise<void>
}

export interface FileStatus {
  readonly name: string
  readonly directory: boolean
  readonly bytes: number
  /** Milliseconds since 1970. */
  readonly modifiedAt: number
}

export interface FileWriter {
  write(chunks: readonly Buffer[]): Promise<void>
  /** After this the content is complete and outlives a loss of power; the name does so after `sync` of its directory. */
  close(): Promise<void>
  /** Lets go of the file, whatever state it is in. Never throws. */
  abandon(): Promise<void>
}

/** The directory part of a path; '' for a name without one. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '' : path.slice(0, slash)
}
