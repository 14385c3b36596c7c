/** ACLs of a test's broker, added and removed as its administrator. */
import * as Effect from "effect/Effect"
import type { Admin } from "kafkajs"
import kafkajs from "../../shared/kafka/kafkajs/patches/index.ts"
import type { Right } from "../../shared/model/rights.ts"
import { waitUntil } from "./wait-until.ts"

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

/** Waits until the broker knows them: it learns of them from its controller some time after that has answered. */
export const grant = (brokers: string, user: string, rights: ReadonlyArray<GrantedRight>) =>
  asAdministrator(brokers, async (admin) => {
    await admin.createAcls({ acl: rights.map((right) => aclOf(user, right)) })
    await waitUntil("the broker knows the granted rights", () => areAll(admin, user, rights, true), 30_000)
  })

/** As `grant`: until the broker knows none of them. */
export const revoke = (brokers: string, user: string, rights: ReadonlyArray<GrantedRight>) =>
  asAdministrator(brokers, async (admin) => {
    await admin.deleteAcls({ filters: rights.map((right) => aclOf(user, right)) })
    await waitUntil("the broker knows the revoked rights", () => areAll(admin, user, rights, false), 30_000)
  })

/** Whether the broker knows all of the rights, or none of them. */
const areAll = async (
  admin: Admin,
  user: string,
  rights: ReadonlyArray<GrantedRight>,
  known: boolean
): Promise<boolean> => {
  for (const right of rights) {
    const { resources } = await admin.describeAcls(aclOf(user, right))
    if (resources.length > 0 !== known) return false
  }
  return true
}
