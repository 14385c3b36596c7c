/** ACLs of a test's broker, added and removed as its administrator. */
import * as Effect from "effect/Effect"
import type { Admin } from "kafkajs"
import kafkajs from "../../shared/kafka/kafkajs/patches/index.ts"
import type { Right } from "../../shared/model/rights.ts"

/** Kafka's numbers of the protocol; kafkajs's enums of them exist at run time only in its CommonJS build. */
const operations = {
  All: 2,
  Read: 3,
  Write: 4,
  Create: 5,
  Delete: 6,
  Alter: 7,
  Describe: 8,
  ClusterAction: 9,
  DescribeConfigs: 10,
  AlterConfigs: 11,
  IdempotentWrite: 12
} as const
const resources = { topic: 2, group: 3, cluster: 4, "transactional id": 5 } as const
const patterns = { literal: 3, prefixed: 4 } as const
const allow = 3

type GrantedRight = Omit<Right, "operation"> & { readonly operation: keyof typeof operations }

const aclOf = (user: string, { resource, name, pattern, operation }: GrantedRight) => ({
  resourceType: resources[resource],
  resourceName: name,
  resourcePatternType: patterns[pattern],
  principal: `User:${user}`,
  host: "*",
  operation: operations[operation],
  permissionType: allow
})

const asAdministrator = (brokers: string, work: (admin: Admin) => Promise<unknown>) =>
  Effect.promise(async () => {
    const admin = new kafkajs.Kafka({ brokers: brokers.split(","), logLevel: kafkajs.logLevel.NOTHING }).admin()
    await admin.connect()
    await work(admin).finally(() => admin.disconnect())
  })

/** Waits until the broker knows them. */
export const grant = (brokers: string, user: string, rights: ReadonlyArray<GrantedRight>) =>
  asAdministrator(brokers, (admin) => admin.createAcls({ acl: rights.map((right) => aclOf(user, right)) }))

export const revoke = (brokers: string, user: string, rights: ReadonlyArray<GrantedRight>) =>
  asAdministrator(brokers, (admin) => admin.deleteAcls({ filters: rights.map((right) => aclOf(user, right)) }))
