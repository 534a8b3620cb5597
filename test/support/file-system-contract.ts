import type { ExecutionContext, TestFn } from 'ava'
import type { FileSystem } from '../../connectors/hdfs/fs/types.ts'
import { writeFile } from '../../connectors/hdfs/ledger/write-file.ts'

/** One store, empty and fresh for a test; each call opens it as another process would. */
export type OpenStore = () => FileSystem

const RACERS = 12
const ROUNDS = 10
const MANY = 350

/** What the ledger leans on (the comments of {@link FileSystem}), whatever the store. */
export function fileSystemContract(test: TestFn, name: string, make: (t: ExecutionContext) => Promise<OpenStore>): void {
  const contract = (title: string, run: (t: ExecutionContext, fs: FileSystem, again: OpenStore) => Promise<void>): void =>
    test(`${name}: ${title}`, async (t) => {
      const again = await make(t)
      const fs = again()
      await fs.mkdirs('a')
      await run(t, fs, again)
    })

  contract('a file is there, whole, when close has answered', async (t, fs, again) => {
    const chunks = Array.from({ length: 40 }, (_, i) => Buffer.alloc(100_003, i))
    const writer = await fs.create('a/big')
    for (let i = 0; i < chunks.length; i += 4) await writer.write(chunks.slice(i, i + 4))
    await writer.close()
    const whole = Buffer.concat(chunks)
    t.true(whole.equals((await again().read('a/big'))!))
    t.like(await fs.status('a/big'), { name: 'big', directory: false, bytes: whole.length })
    const pieces: Buffer[] = []
    for await (const piece of (await fs.stream('a/big'))!) pieces.push(piece)
    t.true(whole.equals(Buffer.concat(pieces)))
    await writeFile(fs, 'a/empty', Buffer.alloc(0))
    t.is((await fs.read('a/empty'))?.length, 0)
    t.is((await fs.status('a/empty'))?.bytes, 0)
  })

  contract('a file does not take the name of another one', async (t, fs, again) => {
    await writeFile(fs, 'a/x', Buffer.from('first'))
    await t.throwsAsync(writeFile(again(), 'a/x', Buffer.from('second')), { code: 'STORAGE_FAILED' })
    t.is((await fs.read('a/x'))?.toString(), 'first')
  })

  contract('a file does not bring back the directory it was to lie in', async (t, fs, again) => {
    await fs.mkdirs('a/staging')
    await fs.delete('a/staging')
    await t.throwsAsync(writeFile(again(), 'a/staging/x', Buffer.from('late')), { code: 'STORAGE_FAILED' })
    t.is(await fs.status('a/staging'), undefined)
  })

  for (const move of ['putIfAbsent', 'rename'] as const) {
    contract(`${move} gives a file its name, or says that it does not`, async (t, fs) => {
      await writeFile(fs, 'a/x', Buffer.from('x'))
      await writeFile(fs, 'a/taken', Buffer.from('taken'))
      await fs.mkdirs('a/directory')
      t.false(await fs[move]('a/x', 'a/taken'))
      t.false(await fs[move]('a/x', 'a/directory'))
      t.false(await fs[move]('a/x', 'none/x'))
      t.false(await fs[move]('a/none', 'a/y'))
      t.is((await fs.read('a/taken'))?.toString(), 'taken')
      t.is((await fs.read('a/x'))?.toString(), 'x')
      t.deepEqual(await fs.list('a/directory'), [])
      t.true(await fs[move]('a/x', 'a/y'))
      t.is((await fs.read('a/y'))?.toString(), 'x')
      t.is(await fs.status('a/x'), undefined)
      t.false(await fs[move]('a/x', 'a/y'), 'a second time')
    })
  }

  contract('putIfAbsent has one winner', async (t, fs, again) => {
    for (let round = 0; round < ROUNDS; round++) {
      const racers = Array.from({ length: RACERS }, (_, i) => ({ fs: again(), from: `a/${round}-${i}` }))
      await Promise.all(racers.map((racer) => writeFile(racer.fs, racer.from, Buffer.from(racer.from))))
      const won = await Promise.all(
        racers.map(async (racer) => ((await racer.fs.putIfAbsent(racer.from, `a/slot-${round}`)) ? racer.from : '')),
      )
      const winners = won.filter((from) => from !== '')
      t.is(winners.length, 1)
      t.is((await fs.read(`a/slot-${round}`))?.toString(), winners[0])
      t.is((await fs.list('a'))!.filter((file) => file.name.startsWith(`${round}-`)).length, RACERS - 1)
    }
  })

  contract('directories are made with all above them, once or twice, not through files', async (t, fs, again) => {
    await fs.mkdirs('b/c/d')
    await again().mkdirs('b/c/d')
    t.like(await fs.status('b/c'), { name: 'c', directory: true })
    t.deepEqual(await fs.list('b/c/d'), [])
    await writeFile(fs, 'a/file', Buffer.from('x'))
    await t.throwsAsync(fs.mkdirs('a/file/below'), { instanceOf: Error, message: /a\/file/ })
  })

  contract('a listing has all names; of what is no directory there is none', async (t, fs) => {
    for (let i = 0; i < MANY; i += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, j) => fs.mkdirs(`many/${String(i + j).padStart(5, '0')}`)))
    }
    await writeFile(fs, 'a/file', Buffer.from('12345'))
    const names = (await fs.list('many'))!.map((status) => status.name)
    t.is(new Set(names).size, MANY)
    t.true((await fs.list(''))!.some((status) => status.name === 'many' && status.directory))
    const [file] = (await fs.list('a'))!
    t.like(file, { name: 'file', directory: false, bytes: 5 })
    t.true(Math.abs(file!.modifiedAt - Date.now()) < 3_600_000)
    t.is(await fs.list('none'), undefined)
    t.is(await fs.list('a/file'), undefined)
  })

  contract('what is not there is told by undefined and false', async (t, fs) => {
    await writeFile(fs, 'a/file', Buffer.from('x'))
    for (const path of ['none', 'none/none', 'a/file/below']) {
      t.is(await fs.status(path), undefined, path)
      t.is(await fs.read(path), undefined, path)
      t.is(await fs.stream(path), undefined, path)
    }
    t.false(await fs.delete('none'))
    t.true(await fs.delete('a/file'))
    t.false(await fs.delete('a/file'))
    await fs.mkdirs('tree/b')
    await writeFile(fs, 'tree/b/x', Buffer.from('x'))
    t.true(await fs.delete('tree'))
    t.is(await fs.status('tree'), undefined)
  })

  contract('names are names, whatever is in them', async (t, fs) => {
    const names = ['dt=2026-11-27', 'with space', 'a+b', '100%25', 'q?x=1&y', 'h#x', 'semi;colon', "quote'd", 'ünïcödé 東京', 'comma,']
    for (const name of names) {
      await fs.mkdirs(`a/${name}`)
      await writeFile(fs, `a/${name}/t-${name}`, Buffer.from(name))
      t.true(await fs.rename(`a/${name}/t-${name}`, `a/${name}/${name}`), name)
      t.is((await fs.read(`a/${name}/${name}`))?.toString(), name)
      t.deepEqual(
        (await fs.list(`a/${name}`))?.map((status) => status.name),
        [name],
      )
    }
    t.deepEqual((await fs.list('a'))!.map((status) => status.name).toSorted(), names.toSorted())
  })

  contract('a file that was let go leaves nothing that has its name put', async (t, fs) => {
    const writer = await fs.create('a/x')
    await writer.write([Buffer.from('half')])
    await writer.abandon()
    await writer.abandon()
    await writeFile(fs, 'a/y', Buffer.from('whole'))
    t.is((await fs.read('a/y'))?.toString(), 'whole')
  })

  contract('the store passes its own probe', async (t, fs) => {
    await fs.mkdirs('probed')
    await fs.probe('probed', 'trial')
    t.deepEqual(await fs.list('probed'), [])
  })
}
