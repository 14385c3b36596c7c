"""Publishes one purchase as plain JSON and waits for the broker's receipt."""

import json
import os
import sys
import time
import uuid

from confluent_kafka import Producer

producer = Producer(
    {
        "bootstrap.servers": os.environ.get("KAFKA_BROKERS", "localhost:9092"),
        "acks": "all",
        "enable.idempotence": True,
        "message.timeout.ms": 15_000,
    }
)

event_id = str(uuid.uuid4())
event = {
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

failures = []


def received(error, record):
    if error is not None:
        failures.append(error)
    else:
        print(f"{event['event_id']} is at {record.topic()}/{record.partition()}/{record.offset()}")


producer.produce(
    os.environ.get("TOPIC", "raw-events"),
    key=event["user"]["external_id"],
    value=json.dumps(event, ensure_ascii=False).encode(),
    on_delivery=received,
)
producer.flush()
if failures:
    sys.exit(f"The broker did not take the event: {failures[0]}")
