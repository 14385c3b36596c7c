/** What a broker can do: versions of requests, and features of its cluster. kafkajs asks for the former alone. */
import { compactText, type RawRequest, type ResponseReader } from "./raw-request.ts"

export interface ApiVersions {
  /** The newest version of each request (by its key in the protocol) that the broker takes. */
  readonly newestVersions: ReadonlyMap<number, number>
  /** By name, the newest level that the broker could have. */
  readonly supportedFeatures: ReadonlyMap<string, number>
  /** By name, the level that the cluster has now. */
  readonly finalizedFeatures: ReadonlyMap<string, number>
}

/** ApiVersions of version 3, whose response holds the features beside the versions. Its header has version 0 in all versions. */
export const apiVersions: RawRequest<ApiVersions> = {
  apiName: "ApiVersions",
  apiKey: 18,
  apiVersion: 3,
  // The tagged fields of a header of version 2, then the body.
  body: Buffer.concat([Buffer.from([0]), compactText("capi-relay"), compactText("1"), Buffer.from([0])]),
  read: (response) => {
    const newestVersions = new Map<number, number>()
    let supportedFeatures: ReadonlyMap<string, number> = new Map()
    let finalizedFeatures: ReadonlyMap<string, number> = new Map()
    response.int16()
    response.compactEach(() => {
      const key = response.int16()
      response.int16()
      newestVersions.set(key, response.int16())
      response.tagged()
    })
    response.int32()
    response.tagged((tag) => {
      if (tag === supportedTag) supportedFeatures = features(response, (_least, newest) => newest)
      else if (tag === finalizedTag) finalizedFeatures = features(response, (level) => level)
    })
    return { newestVersions, supportedFeatures, finalizedFeatures }
  }
}
const supportedTag = 0
const finalizedTag = 2

/** Features with two levels each: a supported one has its least level first, a finalized one its highest. */
const features = (response: ResponseReader, levelOf: (first: number, second: number) => number) => {
  const levels = new Map<string, number>()
  response.compactEach(() => {
    const name = response.compactText()
    levels.set(name, levelOf(response.int16(), response.int16()))
    response.tagged()
  })
  return levels
}
