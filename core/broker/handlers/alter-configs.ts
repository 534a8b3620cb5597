import { AlterConfigs } from '../../protocol/messages/alter-configs.ts'
import { alterResources, checkNamedOnce } from '../alter-resources.ts'
import { handler } from '../handler.ts'

/** AlterConfigs 0 to 2: replaces all settings of a resource; what the request does not name goes back to its default. Deprecated by KIP-339. */
export const alterConfigs = handler({
  api: AlterConfigs,
  minVersion: 0,
  maxVersion: 2,
  async handle(request, { broker }) {
    const responses = await alterResources(broker, request.resources, request.validateOnly, ({ configs }, resource) => {
      checkNamedOnce(configs, () => false)
      const next = new Map(configs.map(({ name, value }) => [name, value]))
      const gone = [...resource.configs.keys()].filter((name) => !next.has(name))
      return { next, changed: [...next.keys(), ...gone] }
    })
    return { throttleTimeMs: 0, responses }
  },
})
