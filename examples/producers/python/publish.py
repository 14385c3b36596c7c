"""Publishes one purchase, as JSON or as Avro through the schema registry, and waits until the broker has it.

python publish.py [json|avro]
Settings: KAFKA_BROKERS, TOPIC, and for Avro SCHEMA_REGISTRY_URL.
"""

import json
import os
import sys
import time
import uuid

from confluent_kafka import KafkaException, Producer
from confluent_kafka.serialization import MessageField, SerializationContext

TOPIC = os.environ.get("TOPIC", "raw-events")


def purchase():
    # Of an order, use an id that every attempt to send it has, and that the pixel sends too: the order's.
    event_id = str(uuid.uuid4())
    return {
        "event_id": event_id,
        "event_name": "purchase",
        "event_time": int(time.time() * 1000),
        "action_source": "website",
        "event_source_url": "https://shop.example/thanks",
        "user": {
            "email": "jane.doe@example.com",
            "phone": "+1 415-555-0132",
            "country": "US",
            "external_id": "u-77",
            "ip": "203.0.113.7",
            "user_agent": "Mozilla/5.0",
        },
        "consent": {"ad_user_data": "granted", "ad_personalization": "granted"},
        "properties": {
            "value": 129.95,
            "currency": "USD",
            "order_id": event_id,
            "items": [{"id": "sku-2", "name": "Rain jacket", "quantity": 1, "price": 129.95}],
        },
    }


def to_json(event):
    return json.dumps(event, ensure_ascii=False).encode()


def avro_serializer():
    """The schema is the latest of the subject `<topic>-value`; fields that an event lacks get their defaults."""
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.avro import AvroSerializer

    registry = SchemaRegistryClient({"url": os.environ.get("SCHEMA_REGISTRY_URL", "http://localhost:8081")})
    serialize = AvroSerializer(registry, conf={"auto.register.schemas": False, "use.latest.version": True})
    return lambda event: serialize(event, SerializationContext(TOPIC, MessageField.VALUE))


def main():
    encoding = sys.argv[1] if len(sys.argv) > 1 else "json"
    if encoding not in ("json", "avro"):
        sys.exit("The encoding is json or avro.")
    encode = avro_serializer() if encoding == "avro" else to_json
    producer = Producer(
        {
            "bootstrap.servers": os.environ.get("KAFKA_BROKERS", "localhost:9092"),
            # Written to all replicas, once and in order although the client tries again; given up after 15 seconds.
            "acks": "all",
            "enable.idempotence": True,
            "delivery.timeout.ms": 15_000,
        }
    )
    event = purchase()
    failures = []

    def received(error, record):
        if error is not None:
            failures.append(error)
        else:
            print(f"{event['event_id']} is at {record.topic()}/{record.partition()}/{record.offset()}")

    # The customer's id as the key keeps one customer's events in order.
    producer.produce(TOPIC, key=event["user"]["external_id"], value=encode(event), on_delivery=received)
    unsent = producer.flush(20)
    if failures or unsent:
        sys.exit(f"The broker did not take the event: {failures[0] if failures else 'no answer'}")


if __name__ == "__main__":
    try:
        main()
    except KafkaException as error:
        sys.exit(f"The event was not published: {error}")
