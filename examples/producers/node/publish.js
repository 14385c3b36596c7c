/**
 * Publishes one purchase, as JSON or as Avro through the schema registry, and waits until the broker has it.
 *
 *   node publish.js [json|avro]
 *
 * Settings: KAFKA_BROKERS, TOPIC, and for Avro SCHEMA_REGISTRY_URL.
 */
import { randomUUID } from "node:crypto"
import process from "node:process"
import { SchemaRegistry } from "@kafkajs/confluent-schema-registry"
import { Kafka, logLevel } from "kafkajs"

const {
  KAFKA_BROKERS = "localhost:9092",
  SCHEMA_REGISTRY_URL = "http://localhost:8081",
  TOPIC = "raw-events"
} = process.env

const purchase = () => {
  // Of an order, use an id that every attempt to send it has, and that the pixel sends too: the order's.
  const eventId = randomUUID()
  return {
    event_id: eventId,
    event_name: "purchase",
    event_time: Date.now(),
    action_source: "website",
    event_source_url: "https://shop.example/thanks",
    user: {
      email: "jane.doe@example.com",
      phone: "+1 415-555-0132",
      country: "US",
      external_id: "u-77",
      ip: "203.0.113.7",
      user_agent: "Mozilla/5.0"
    },
    consent: { ad_user_data: "granted", ad_personalization: "granted" },
    properties: {
      value: 129.95,
      currency: "USD",
      order_id: eventId,
      items: [{ id: "sku-2", name: "Rain jacket", quantity: 1, price: 129.95 }]
    }
  }
}

const encodings = {
  json: async (event) => Buffer.from(JSON.stringify(event)),
  // The schema is the latest of the subject `<topic>-value`; fields that an event lacks get their defaults.
  avro: async (event) => {
    const registry = new SchemaRegistry({ host: SCHEMA_REGISTRY_URL })
    return registry.encode(await registry.getLatestSchemaId(`${TOPIC}-value`), event)
  }
}

const publish = async (encode) => {
  const event = purchase()
  const value = await encode(event)
  const kafka = new Kafka({
    clientId: "publish",
    brokers: KAFKA_BROKERS.split(","),
    logLevel: logLevel.NOTHING,
    retry: { retries: 5 }
  })
  // Written to all replicas, once and in order although the client tries again.
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  try {
    // The customer's id as the key keeps one customer's events in order.
    const [receipt] = await producer.send({
      topic: TOPIC,
      acks: -1,
      messages: [{ key: event.user.external_id, value }]
    })
    console.log(`${event.event_id} is at ${receipt.topicName}/${receipt.partition}/${receipt.baseOffset}`)
  } finally {
    await producer.disconnect()
  }
}

const encode = encodings[process.argv[2] ?? "json"]
if (encode === undefined) {
  console.error("The encoding is json or avro.")
  process.exitCode = 2
} else
  await publish(encode).catch((error) => {
    console.error(`The event was not published: ${error.message}`)
    process.exitCode = 1
  })
