/** Binary values in network order: read one after the other, written into a list of chunks. */
export { Reader } from './reader.ts'
export { uvarintSize, varintSize, varlongSize } from './varint-size.ts'
export { Writer } from './writer.ts'
