import test from 'ava'
import { WebHdfsFiles } from '../../connectors/hdfs/fs/webhdfs/webhdfs.ts'
import { HdfsCluster } from '../support/hdfs-cluster.ts'
import { fileSystemContract } from '../support/file-system-contract.ts'

let cluster: HdfsCluster

test.before(async () => {
  // A listing comes in parts of so many names.
  cluster = await HdfsCluster.start({ dataNodes: 2, settings: { 'dfs.ls.limit': '100' } })
})

test.after.always(() => cluster?.stop())

let stores = 0

fileSystemContract(test, 'webhdfs:', async () => {
  const url = cluster.url(`contract-${stores++}`)
  await new WebHdfsFiles(url).mkdirs('')
  return () => new WebHdfsFiles(url)
})
