/** What the chart's manifests must hold beyond their schemas, as rules over the rendered manifests. */
import type { EventLog } from "../../shared/config/settings.ts"
import type { Connection } from "../../shared/connections/connection.ts"
import { topicNames } from "../../shared/model/topics.ts"
import { usesMasterKey } from "../images/deploy-files.ts"

interface Container {
  readonly name: string
  readonly args: ReadonlyArray<string>
  readonly envFrom: ReadonlyArray<{ readonly secretRef?: { readonly name: string } }>
  readonly ports?: ReadonlyArray<{ readonly name: string }>
  readonly securityContext: {
    readonly allowPrivilegeEscalation: boolean
    readonly readOnlyRootFilesystem: boolean
    readonly capabilities: { readonly drop: ReadonlyArray<string> }
  }
  readonly resources: { readonly limits?: { readonly memory?: string } }
  readonly [probe: `${string}Probe`]: { readonly httpGet: { readonly port: string } } | undefined
}

interface Pod {
  readonly automountServiceAccountToken: boolean
  readonly securityContext: {
    readonly runAsNonRoot: boolean
    readonly runAsUser: number
    readonly seccompProfile?: { readonly type: string }
  }
  readonly containers: ReadonlyArray<Container>
  readonly hostNetwork?: boolean
  readonly volumes?: ReadonlyArray<{ readonly secret?: { readonly secretName: string } }>
}

type Labels = Readonly<Record<string, string>>

export interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly annotations?: Labels }
  readonly spec?: {
    readonly replicas?: number
    readonly template?: { readonly metadata: { readonly labels: Labels }; readonly spec: Pod }
    readonly selector?: { readonly matchLabels?: Labels }
    readonly podSelector?: { readonly matchLabels: Labels }
    readonly policyTypes?: ReadonlyArray<string>
    readonly triggers?: ReadonlyArray<{ readonly metadata: Readonly<Record<string, string>> }>
    readonly scaleTargetRef?: { readonly name: string }
  }
}

export interface Expected {
  readonly connections: ReadonlyArray<Connection>
  readonly keda: boolean
  /** CAPI_TOPIC_PREFIX. */
  readonly prefix: string
  /** CAPI_EVENT_LOG. */
  readonly eventLog: EventLog
}

/** What is wrong with the manifests of a release; empty if nothing. */
export const chartProblems = (manifests: ReadonlyArray<Manifest>, expected: Expected): ReadonlyArray<string> => {
  const deployments = ofKind(manifests, "Deployment")
  const pods = [...deployments, ...ofKind(manifests, "Job")]
  return [
    ...(deployments.length === 0 ? ["there is no Deployment"] : []),
    ...manifests
      .filter(({ metadata }) => metadata.annotations?.["helm.sh/hook"] !== undefined)
      .map(({ kind, metadata }) => `${kind} ${metadata.name} is a hook`),
    ...pods.flatMap(rightsOf),
    ...pods.filter((one) => !isSelected(ofKind(manifests, "NetworkPolicy"), one)).map(named("has no network policy")),
    ...ofKind(manifests, "NetworkPolicy")
      .filter(({ spec }) => spec?.policyTypes?.join() !== "Ingress,Egress")
      .map(named("does not bound both directions")),
    ...deployments.flatMap(probesOf),
    ...deployments
      .filter((one) => !isSelected(ofKind(manifests, "PodDisruptionBudget"), one))
      .map(named("has no disruption budget")),
    ...deployments.flatMap(secretsOf),
    ...scalingOf(manifests, expected)
  ]
}

const ofKind = (manifests: ReadonlyArray<Manifest>, kind: string): ReadonlyArray<Manifest> =>
  manifests.filter((one) => one.kind === kind)

const named =
  (what: string) =>
  ({ kind, metadata }: Manifest): string =>
    `${kind} ${metadata.name} ${what}`

const isSelected = (selecting: ReadonlyArray<Manifest>, { spec }: Manifest): boolean =>
  selecting.some((one) => {
    const labels = Object.entries(one.spec?.podSelector?.matchLabels ?? one.spec?.selector?.matchLabels ?? {})
    return labels.length > 0 && labels.every(([name, value]) => spec?.template?.metadata.labels[name] === value)
  })

const rightsOf = (one: Manifest): ReadonlyArray<string> => {
  const pod = one.spec!.template!.spec
  const { runAsNonRoot, runAsUser, seccompProfile } = pod.securityContext
  const problems = [
    ...(runAsNonRoot && runAsUser > 0 ? [] : ["may run as root"]),
    ...(seccompProfile?.type === "RuntimeDefault" ? [] : ["has no seccomp profile"]),
    ...(pod.automountServiceAccountToken ? ["has a token of Kubernetes"] : []),
    ...(pod.hostNetwork === true ? ["uses the host's network"] : []),
    ...pod.containers.flatMap(({ securityContext, resources }) => [
      ...(securityContext.readOnlyRootFilesystem ? [] : ["can write to its file system"]),
      ...(securityContext.allowPrivilegeEscalation ? ["may get more rights"] : []),
      ...(securityContext.capabilities.drop.includes("ALL") ? [] : ["has capabilities"]),
      ...(resources.limits?.memory === undefined ? ["has no bound on memory"] : [])
    ])
  ]
  return problems.map((problem) => named(problem)(one))
}

const probesOf = (one: Manifest): ReadonlyArray<string> =>
  one.spec!.template!.spec.containers.flatMap((container) =>
    (["startupProbe", "livenessProbe", "readinessProbe"] as const)
      .filter((probe) => !container.ports?.some(({ name }) => name === container[probe]?.httpGet.port))
      .map((probe) => named(`has no ${probe}`)(one))
  )

/** The programs of a Deployment, by its container's arguments. */
const programsOf = (one: Manifest): ReadonlyArray<string> =>
  one.spec!.template!.spec.containers.flatMap(({ args }) => {
    const [file = "", ...rest] = args
    if (file.endsWith("capi.js")) return rest.filter((arg) => arg !== "run" && !arg.startsWith("--"))
    const name = file.slice(file.lastIndexOf("/") + 1, -".js".length)
    return [name === "delivery" ? `delivery-${rest[0]}` : name]
  })

/** A Secret whose name has a platform's is only for that platform's delivery; the master key only for those that seal or open. */
const secretsOf = (one: Manifest): ReadonlyArray<string> => {
  const programs = programsOf(one)
  const { containers, volumes = [] } = one.spec!.template!.spec
  const names = [
    ...containers.flatMap(({ envFrom }) => envFrom.flatMap(({ secretRef }) => secretRef?.name ?? [])),
    ...volumes.flatMap(({ secret }) => secret?.secretName ?? [])
  ]
  const sealed = programs.some(usesMasterKey)
  return [
    ...names
      .filter((name) => platformSecret.test(name))
      .filter((name) => !programs.includes(`delivery-${platformSecret.exec(name)![1]}`))
      .map((name) => named(`has the Secret ${name}`)(one)),
    ...(names.includes("capi-master-key") === sealed
      ? []
      : [named(sealed ? "has no master key" : "has the master key")(one)])
  ]
}

const platformSecret = /^capi-(meta|google|tiktok|snapchat|whatsapp|pinterest)$/

/** With KEDA the triggers name every group that commits offsets for these programs, and the Deployment leaves its replicas to it. */
const scalingOf = (
  manifests: ReadonlyArray<Manifest>,
  { connections, eventLog, keda, prefix }: Expected
): ReadonlyArray<string> => {
  const scaled = ofKind(manifests, "ScaledObject")
  if (!keda) return scaled.map(named("is there without KEDA"))
  return ofKind(manifests, "Deployment").flatMap((one) => {
    const expected = programsOf(one).flatMap((program) => groupsOf(program, connections, eventLog))
    const found = scaled.find(({ spec }) => spec?.scaleTargetRef?.name === one.metadata.name)
    const groups = (found?.spec?.triggers ?? []).map(
      ({ metadata }) => `${metadata["consumerGroup"]} ${metadata["topic"]}`
    )
    const wanted = expected.map(({ group, topic }) => `${prefix}${group} ${prefix}${topic}`)
    return [
      ...(groups.toSorted().join() === wanted.toSorted().join()
        ? []
        : [named(`scales by ${groups.join(", ")}, not by ${wanted.join(", ")}`)(one)]),
      ...((one.spec!.replicas === undefined) === wanted.length > 0 ? [] : [named("has replicas beside KEDA's")(one)])
    ]
  })
}

interface Group {
  readonly group: string
  readonly topic: string
}

const groupsOf = (
  program: string,
  connections: ReadonlyArray<Connection>,
  eventLog: EventLog
): ReadonlyArray<Group> => {
  if (program === "normalizer")
    return [
      ...(eventLog === topicNames.sealed ? [{ group: "sealer", topic: topicNames.raw }] : []),
      { group: program, topic: eventLog }
    ]
  if (program === "mapper") return [{ group: program, topic: topicNames.normalized }]
  return connections
    .filter(({ enabled, platform }) => enabled && program === `delivery-${platform}`)
    .map(({ id, platform }) => ({ group: `${program}.${id}`, topic: topicNames.mapped(platform) }))
}
