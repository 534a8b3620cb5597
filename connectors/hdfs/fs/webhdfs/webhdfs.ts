import { Agent as HttpAgent, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { systemClock, type Clock } from '../../../../core/base/clock.ts'
import { MoldauError } from '../../../../core/base/errors.ts'
import type { FileStatus, FileSystem, FileWriter } from '../types.ts'
import { defaultUser, parseWebHdfsUrl } from './address.ts'
import { atDataNode } from './data-nodes.ts'
import { NoAnswer, open, wholeAnswer, type Answer } from './exchange.ts'
import { NameNodes, type Call } from './name-nodes.ts'
import type { WebHdfsOptions } from './options.ts'
import { readPieces } from './reader.ts'
import { failure, remoteError, type RemoteError } from './remote-error.ts'
import { WebHdfsWriter } from './writer.ts'

/** Jetty closes a connection that was idle for a minute; one that we close first never eats a request. */
const IDLE_MS = 20_000

/** Where a DataNode waits for the second half of a request. */
interface Located {
  readonly Location: string
}

/** What a NameNode says of a file. */
interface HdfsFileStatus {
  readonly pathSuffix: string
  readonly type: 'FILE' | 'DIRECTORY' | 'SYMLINK'
  readonly length: number
  readonly modificationTime: number
}

/**
 * A directory of HDFS, through WebHDFS: NameNodes answer for names, DataNodes take and give bytes. The commit is RENAME with
 * `renameoptions=NONE`, which refuses a taken name in one step and says why. A NameNode logs a change of names to disk before it answers;
 * bytes are synced by the DataNodes when a file is closed (`SYNC_BLOCK`), so nothing is left to {@link FileSystem.sync}.
 */
export class WebHdfsFiles implements FileSystem {
  readonly url: string
  readonly #root: string
  readonly #nameNodes: NameNodes
  readonly #dataAgent: HttpAgent
  readonly #timeoutMs: number

  constructor(url: string, options: WebHdfsOptions = {}, clock: Clock = systemClock) {
    const address = parseWebHdfsUrl(url)
    const { delegationToken, doAs, tls = {}, timeoutMs = 60_000, retryMs = 60_000 } = options
    const user = address.user ?? defaultUser()
    const asked = delegationToken === undefined ? { 'user.name': user } : { delegation: delegationToken }
    this.url = `${address.tls ? 's' : ''}webhdfs://${address.nodes.join(',')}${address.root}`
    this.#root = address.root
    this.#timeoutMs = timeoutMs
    // DataNodes end a connection with each answer.
    this.#dataAgent = address.tls ? new HttpsAgent(tls) : new HttpAgent()
    const kept = { keepAlive: true, timeout: IDLE_MS }
    this.#nameNodes = new NameNodes({
      url: this.url,
      address,
      identity: { ...asked, ...(doAs === undefined ? {} : { doas: doAs }) },
      agent: address.tls ? new HttpsAgent({ ...kept, ...tls }) : new HttpAgent(kept),
      timeoutMs,
      retryMs,
      clock,
    })
  }

  /** A name that is taken must refuse the file that is moved there, and a file must not bring back the directory it was to lie in. */
  async probe(directory: string, unique: string): Promise<void> {
    const names = [1, 2].map((n) => `${directory}/.probe-${unique}-${n}`)
    try {
      for (const name of names) await (await this.create(name)).close()
      if (await this.putIfAbsent(names[0]!, names[1]!)) {
        throw new MoldauError(
          'DIRECTORY_UNUSABLE',
          `${this.url} moves a file onto another one: what answers there is not HDFS, and two writers would overwrite each other`,
        )
      }
    } finally {
      for (const name of names) await this.delete(name).catch(() => undefined)
    }
  }

  async create(path: string): Promise<FileWriter> {
    const what = `create ${path}`
    const parameters = { overwrite: 'false', createparent: 'false', createflag: 'CREATE,SYNC_BLOCK', noredirect: 'true' }
    const writer = await this.#atDataNode(
      { op: 'CREATE', method: 'PUT', path, parameters, what, repeatable: true },
      (answer) => this.#json<Located>(answer, what).Location,
      async (location) => {
        const connecting = new WebHdfsWriter({ url: this.url, path, location, agent: this.#dataAgent, timeoutMs: this.#timeoutMs })
        await connecting.connected
        return connecting
      },
    )
    return writer!
  }

  async putIfAbsent(from: string, to: string): Promise<boolean> {
    return await this.#rename(from, to)
  }

  async rename(from: string, to: string): Promise<boolean> {
    return await this.#rename(from, to)
  }

  async mkdirs(path: string): Promise<void> {
    const answer = await this.#ask({ op: 'MKDIRS', method: 'PUT', path, what: `make the directory ${path}`, repeatable: true })
    this.#json(answer, `make the directory ${path}`)
  }

  async list(path: string): Promise<FileStatus[] | undefined> {
    const what = `list ${path}`
    const answer = await this.#ask({ op: 'LISTSTATUS', method: 'GET', path, what, repeatable: true })
    if (isAbsent(answer)) return undefined
    const { FileStatuses: found } = this.#json<{ FileStatuses: { FileStatus: HdfsFileStatus[] } }>(answer, what)
    const all = found.FileStatus
    // Of a file the listing is the file itself.
    return all.length === 1 && all[0]!.pathSuffix === '' ? undefined : all.map((status) => statusOf(status.pathSuffix, status))
  }

  async status(path: string): Promise<FileStatus | undefined> {
    const what = `look at ${path}`
    const answer = await this.#ask({ op: 'GETFILESTATUS', method: 'GET', path, what, repeatable: true })
    if (isAbsent(answer)) return undefined
    return statusOf(path.slice(path.lastIndexOf('/') + 1), this.#json<{ FileStatus: HdfsFileStatus }>(answer, what).FileStatus)
  }

  async read(path: string): Promise<Buffer | undefined> {
    const pieces = await this.stream(path)
    if (pieces === undefined) return undefined
    const chunks: Buffer[] = []
    for await (const piece of pieces) chunks.push(piece)
    return Buffer.concat(chunks)
  }

  async stream(path: string): Promise<AsyncIterable<Buffer> | undefined> {
    const first = await this.#open(path, 0)
    return first === undefined ? undefined : this.#pieces(path, first)
  }

  /** After an answer that was lost, false may also mean that the first request did it. */
  async delete(path: string): Promise<boolean> {
    const parameters = { recursive: 'true' }
    const answer = await this.#ask({ op: 'DELETE', method: 'DELETE', path, parameters, what: `delete ${path}`, repeatable: true })
    return this.#json<{ boolean: boolean }>(answer, `delete ${path}`).boolean
  }

  sync(): Promise<void> {
    return Promise.resolve()
  }

  async *#pieces(path: string, first: IncomingMessage): AsyncGenerator<Buffer> {
    try {
      yield* readPieces(first, (offset) => this.#open(path, offset))
    } catch (error) {
      throw this.#broken(`read ${path}`, error)
    }
  }

  /** False: `to` is taken, or `from` or the directory of `to` is not there. */
  async #rename(from: string, to: string): Promise<boolean> {
    const what = `move ${from} to ${to}`
    const parameters = { destination: this.#path(to), renameoptions: 'NONE' }
    // Never sent twice: the second would say that the source is gone, when the first has moved it.
    const answer = await this.#ask({ op: 'RENAME', method: 'PUT', path: from, parameters, what, repeatable: false })
    if (answer.status === 200) return answer.body.length === 0 || this.#json<{ boolean: boolean }>(answer, what).boolean
    const error = remoteError(answer)
    if (isRefusedRename(error)) return false
    throw failure(this.url, what, error)
  }

  /** The bytes of a file from an offset; undefined: there is no such file. */
  async #open(path: string, offset: number): Promise<IncomingMessage | undefined> {
    const what = `read ${path}`
    const parameters = { offset: String(offset), noredirect: 'true' }
    return await this.#atDataNode(
      { op: 'OPEN', method: 'GET', path, parameters, what, repeatable: true },
      (answer) => (isAbsent(answer) ? undefined : this.#json<Located>(answer, what).Location),
      async (location) => {
        const { request, response } = open({ method: 'GET', url: location, agent: this.#dataAgent, timeoutMs: this.#timeoutMs })
        request.end()
        const opened = await response
        if (opened.statusCode === 200) return opened
        const refused = await wholeAnswer(opened)
        if (isAbsent(refused)) return undefined
        throw failure(this.url, what, remoteError(refused))
      },
    )
  }

  async #atDataNode<T>(
    call: Call,
    located: (answer: Answer) => string | undefined,
    use: (location: string) => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await atDataNode((more) => this.#ask({ ...call, parameters: { ...call.parameters, ...more } }), located, use)
    } catch (error) {
      throw this.#broken(call.what, error)
    }
  }

  #ask(call: Call): Promise<Answer> {
    return this.#nameNodes.ask({ ...call, path: this.#path(call.path) })
  }

  /** The body of an answer that is none of success is an error. */
  #json<T>(answer: Answer, what: string): T {
    if (answer.status !== 200) throw failure(this.url, what, remoteError(answer))
    return JSON.parse(answer.body.toString()) as T
  }

  /** What a lost DataNode means for the caller; any other error as it is. */
  #broken(what: string, error: unknown): unknown {
    if (!(error instanceof NoAnswer)) return error
    const message = `cannot ${what} in ${this.url}: no DataNode gives an answer (${error.message})`
    return new MoldauError('STORAGE_FAILED', message, { cause: error, retriable: true })
  }

  #path(path: string): string {
    return path === '' ? this.#root : `${this.#root}/${path}`
  }
}

/** The target is taken (by a file, or by a directory), the source or the target's directory is not there, or something above it is a file. */
function isRefusedRename({ exception, message }: RemoteError): boolean {
  return renameRefusals.has(exception) || (exception === 'IOException' && message.endsWith('must both be directories'))
}

const renameRefusals = new Set(['FileAlreadyExistsException', 'FileNotFoundException', 'ParentNotDirectoryException'])

function isAbsent({ status, body }: Answer): boolean {
  return status === 404 && remoteError({ status, body }).exception === 'FileNotFoundException'
}

function statusOf(name: string, { type, length, modificationTime }: HdfsFileStatus): FileStatus {
  return { name, directory: type === 'DIRECTORY', bytes: length, modifiedAt: modificationTime }
}
