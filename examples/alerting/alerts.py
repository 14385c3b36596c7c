"""Takes alerts from health-alerts to a webhook, as the notifier does: each change at least once, with retries.

Settings: KAFKA_BROKERS, SCHEMA_REGISTRY_URL, CAPI_TOPIC_PREFIX, WEBHOOK_URL, and WEBHOOK_SECRET to sign it (else Slack's form).
One of them runs at a time: it reads all partitions.
Arguments: --severity critical --connection 'meta-*' --once (ends when nothing is left to read).
"""

import argparse
import fnmatch
import hashlib
import hmac
import io
import json
import os
import struct
import sys
import time
import urllib.error
import urllib.request

import fastavro
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

SEVERITIES = {"unhealthy": "critical", "degraded": "warning", "healthy": None}
PREFIX = os.environ.get("CAPI_TOPIC_PREFIX", "")
REGISTRY = os.environ.get("SCHEMA_REGISTRY_URL", "http://localhost:8081").rstrip("/")
schemas = {}


def decode(value):
    """Confluent's frame: a zero byte, the schema's id (4 bytes), the record in Avro."""
    magic, schema_id = struct.unpack(">bI", value[:5])
    if magic != 0:
        raise ValueError("not a Confluent-Avro record")
    if schema_id not in schemas:
        with urllib.request.urlopen(f"{REGISTRY}/schemas/ids/{schema_id}", timeout=10) as response:
            schemas[schema_id] = fastavro.parse_schema(json.loads(json.load(response)["schema"]))
    return fastavro.schemaless_reader(io.BytesIO(value[5:]), schemas[schema_id])


def request_of(alert, url, secret):
    severity = SEVERITIES.get(alert["status"], "warning")
    headers = {"content-type": "application/json"}
    if secret is None:
        mark = {"critical": ":red_circle:", "warning": ":large_orange_circle:", None: ":large_green_circle:"}[severity]
        body = json.dumps({"text": f"{mark} {alert['message']}"}).encode()
    else:
        body = json.dumps({**alert, "severity": severity}).encode()
        timestamp = str(int(time.time()))
        signature = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers |= {"x-capi-timestamp": timestamp, "x-capi-signature": f"sha256={signature}"}
    return urllib.request.Request(url, data=body, headers=headers, method="POST")


def deliver(alert, url, secret):
    """Tries until the webhook takes it, and waits at least its Retry-After: an alert must not be lost."""
    delay = 1.0
    while True:
        wait = delay
        try:
            with urllib.request.urlopen(request_of(alert, url, secret), timeout=10):
                return
        except urllib.error.HTTPError as error:
            reason = f"it answers {error.code}"
            after = error.headers.get("retry-after", "")
            wait = max(delay, min(float(after), 3_600.0)) if after.isdigit() else delay
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            reason = str(getattr(error, "reason", error))
        print(f"The webhook did not take an alert ({reason}); again in {wait:.0f} s.", file=sys.stderr)
        time.sleep(wait)
        delay = min(delay * 2, 60.0)


class Routing:
    """What this receiver gets: its connections and severity, and the end of each problem that it got."""

    def __init__(self, severity, connection):
        self.severity, self.connection, self.open = severity, connection, set()

    def takes(self, alert):
        if not fnmatch.fnmatch(alert["connection_id"], self.connection):
            return False
        # The status, the age limit, the ledger and the notifier begin and end alone.
        series = alert["cause"] if alert["cause"] in ("age_limit", "ledger", "notifier") else "status"
        problem = (alert["connection_id"], series)
        severity = SEVERITIES.get(alert["status"], "warning")
        if severity is not None and self.severity in (None, severity):
            self.open.add(problem)
            return True
        if problem in self.open:
            self.open.remove(problem)
            return True
        return False


def assign_all(consumer, topic):
    """Begins at the first alert, and gives the offsets before which all was delivered: from there on nothing is sent, but it says
    which problems this receiver knows. Without membership in the group, which would end while a webhook is away for minutes."""
    described = consumer.list_topics(topic, 10).topics[topic]
    if described.error is not None:
        raise KafkaException(described.error)
    partitions = [TopicPartition(topic, number) for number in described.partitions]
    done = {committed.partition: committed.offset for committed in consumer.committed(partitions, 10)}
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in done])
    return done


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--severity", choices=["critical", "warning"])
    parser.add_argument("--connection", default="*")
    parser.add_argument("--once", action="store_true")
    arguments = parser.parse_args()
    url, secret = os.environ["WEBHOOK_URL"], os.environ.get("WEBHOOK_SECRET")
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ.get("KAFKA_BROKERS", "localhost:9092"),
            "group.id": f"{PREFIX}alerts-example",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": arguments.once,
        }
    )
    done = assign_all(consumer, f"{PREFIX}health-alerts")
    routing = Routing(arguments.severity, arguments.connection)
    try:
        while True:
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error() is not None:
                if message.error().code() == KafkaError._PARTITION_EOF:
                    return
                raise KafkaException(message.error())
            alert = decode(message.value())
            wanted = routing.takes(alert)
            if message.offset() < done[message.partition()]:
                continue
            if wanted:
                deliver(alert, url, secret)
            # After the delivery: a crash between the two sends it again.
            consumer.commit(message=message, asynchronous=False)
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
