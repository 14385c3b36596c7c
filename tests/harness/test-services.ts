/** What every test on the real broker needs: the addresses, and a prefix that no other test has. */
import { randomUUID } from "node:crypto"
import { inject } from "vitest"
import type {} from "./global-setup.ts"

/** `host:port` of the tests' broker. */
export const testBrokers = (): ReadonlyArray<string> => inject("brokers").split(",")

/** Root of the tests' registry's Confluent API. */
export const testRegistryUrl = (): string => inject("registryUrl")

/** A new topic and group prefix, such as `normalizer-3f2a9c1e.`, so that tests can share a broker. */
export const uniquePrefix = (name: string): string => `${name}-${randomUUID().slice(0, 8)}.`
