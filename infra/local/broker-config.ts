/** `server.properties` of a local broker: one node of a KRaft quorum, in which every node is broker and controller. */

export interface NodeAddress {
  readonly id: number
  readonly brokerPort: number
  readonly controllerPort: number
}

/** `more` is added, and counts where both name a setting; but listeners are added to ours. */
export const serverProperties = (
  node: NodeAddress,
  all: ReadonlyArray<NodeAddress>,
  dataDirectory: string,
  more: Readonly<Record<string, string>> = {}
): string => {
  const replication = Math.min(3, all.length)
  const settings: Record<string, string | number | boolean> = {
    "process.roles": "broker,controller",
    "node.id": node.id,
    "controller.quorum.voters": all.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(","),
    listeners: `PLAINTEXT://127.0.0.1:${node.brokerPort},CONTROLLER://127.0.0.1:${node.controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${node.brokerPort}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "log.dirs": dataDirectory,
    // Topics are declared (schemas/topics.json): a misspelt name must fail, not make a topic.
    "auto.create.topics.enable": false,
    "num.partitions": 4,
    "default.replication.factor": replication,
    "min.insync.replicas": Math.max(1, replication - 1),
    "offsets.topic.replication.factor": replication,
    "offsets.topic.num.partitions": 10,
    "transaction.state.log.replication.factor": replication,
    "transaction.state.log.min.isr": Math.max(1, replication - 1),
    "transaction.state.log.num.partitions": 10,
    // One machine, few members: the first rebalance need not wait for more.
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    "group.coordinator.append.linger.ms": 0,
    // The defaults are sized for servers: a log cleaner of 128 MB, eleven threads to each job.
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 4,
    // A broker that was killed is taken as dead, and may return, within seconds.
    "broker.heartbeat.interval.ms": 1000,
    "broker.session.timeout.ms": 6000
  }
  for (const [name, value] of Object.entries(more)) {
    settings[name] = addedTo.has(name) ? `${settings[name]},${value}` : value
  }
  return `${Object.entries(settings)
    .map(([key, value]) => `${key}=${value}`)
    .join("\n")}\n`
}

const addedTo = new Set(["listeners", "advertised.listeners", "listener.security.protocol.map"])
