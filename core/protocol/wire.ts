/**
 * Lengths, counts and tags as Kafka writes them: in 16 or 32 bits before a message is flexible, as unsigned varint plus one
 * ("compact") after. A negative or zero length means null. The codecs, compiled and interpreted, are built from these.
 */
export * from './wire-read.ts'
export * from './wire-write.ts'
