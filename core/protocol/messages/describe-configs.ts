import { api } from '../api.ts'
import { array, bool, int16, int32, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Settings of topics (resource type 2) and brokers (4), with where each comes from. */

export const DescribeConfigsRequest = message('DescribeConfigsRequest', '0-4', '4+', {
  resources: array({
    resourceType: int8(),
    resourceName: string(),
    configurationKeys: array(string(), { nullable: true }),
  }),
  includeSynonyms: bool('1+', { default: false }),
  includeDocumentation: bool('3+', { default: false }),
})
export type DescribeConfigsRequest = Infer<typeof DescribeConfigsRequest>

export const DescribeConfigsResponse = message('DescribeConfigsResponse', '0-4', '4+', {
  throttleTimeMs: int32(),
  results: array({
    errorCode: int16(),
    errorMessage: string({ nullable: true }),
    resourceType: int8(),
    resourceName: string(),
    configs: array({
      name: string(),
      value: string({ nullable: true }),
      readOnly: bool(),
      isDefault: bool('0'),
      configSource: int8('1+', { default: -1, ignorable: true }),
      isSensitive: bool(),
      synonyms: array({ name: string(), value: string({ nullable: true }), source: int8() }, '1+', { ignorable: true }),
      configType: int8('3+', { default: 0, ignorable: true }),
      documentation: string('3+', { nullable: true, ignorable: true }),
    }),
  }),
})
export type DescribeConfigsResponse = Infer<typeof DescribeConfigsResponse>

export const DescribeConfigs = api(32, 'DescribeConfigs', DescribeConfigsRequest, DescribeConfigsResponse)
