import test from 'ava'
import { LocalFiles } from '../../connectors/hdfs/fs/file.ts'
import { fileSystemContract } from '../support/file-system-contract.ts'
import { tempDir } from '../support/start-broker.ts'

fileSystemContract(test, 'file:', async (t) => {
  const directory = await tempDir(t)
  return () => new LocalFiles(directory)
})
