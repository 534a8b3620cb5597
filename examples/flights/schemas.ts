import { avro } from 'moldau/core'

/** One flight of a US airline, as npm's vega-datasets has them: January to June 2001, sorted by time. */
export const flight = avro({
  type: 'record',
  name: 'Flight',
  namespace: 'moldau.example',
  fields: [
    { name: 'date', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'delay', type: 'int' },
    { name: 'distance', type: 'int' },
    { name: 'origin', type: 'string' },
    { name: 'destination', type: 'string' },
  ],
})

/** The flights of one origin in one hour that were more than 15 minutes late. */
export const delayed = avro({
  type: 'record',
  name: 'Delayed',
  namespace: 'moldau.example',
  fields: [
    { name: 'origin', type: 'string' },
    { name: 'hour', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'n', type: 'int' },
    { name: 'mean', type: 'double' },
  ],
})
