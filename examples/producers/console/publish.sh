#!/usr/bin/env bash
# Publishes one purchase with Kafka's own console producer. KAFKA_JARS is the folder of Kafka's jars; where Kafka's
# scripts are installed, `kafka-console-producer.sh` takes the same options.
set -euo pipefail

: "${KAFKA_JARS:?Set KAFKA_JARS to the folder with the jars of Kafka.}"
event_id="$(cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen)"
event_time="$(($(date +%s) * 1000))"

# One line: key, a tab, the event.
printf 'u-77\t{"event_id":"%s","event_name":"purchase","event_time":%s,"action_source":"website","event_source_url":"https://shop.example/thanks","user":{"email":"jane.doe@example.com","phone":"+1 415-555-0132","country":"US","external_id":"u-77","ip":"203.0.113.7","user_agent":"Mozilla/5.0"},"consent":{"ad_user_data":"granted","ad_personalization":"granted"},"properties":{"value":129.95,"currency":"USD","order_id":"%s","items":[{"id":"sku-2","quantity":1,"price":129.95}]}}\n' \
  "$event_id" "$event_time" "$event_id" |
  java -cp "$KAFKA_JARS/*" org.apache.kafka.tools.ConsoleProducer \
    --bootstrap-server "${KAFKA_BROKERS:-localhost:9092}" \
    --topic "${TOPIC:-raw-events}" \
    --property parse.key=true \
    --sync --max-block-ms 15000 --request-timeout-ms 10000 --producer-property delivery.timeout.ms=15000 \
    --producer-property acks=all --producer-property enable.idempotence=true

echo "$event_id was published."
