#!/usr/bin/env bash
# Publishes one purchase with kcat (Debian: apt-get install kcat), and waits until the broker has it. Settings: KAFKA_BROKERS, TOPIC.
set -euo pipefail

event_id="$(cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen)"
event_time="$(($(date +%s) * 1000))"

# One line: key, a tab, the event. The customer's id as the key keeps one customer's events in order. Written to all replicas,
# once and in order although the client tries again; given up after 15 seconds.
printf 'u-77\t{"event_id":"%s","event_name":"purchase","event_time":%s,"action_source":"website","event_source_url":"https://shop.example/thanks","user":{"email":"jane.doe@example.com","phone":"+1 415-555-0132","country":"US","external_id":"u-77","ip":"203.0.113.7","user_agent":"Mozilla/5.0"},"consent":{"ad_user_data":"granted","ad_personalization":"granted"},"properties":{"value":129.95,"currency":"USD","order_id":"%s","items":[{"id":"sku-2","quantity":1,"price":129.95}]}}\n' \
  "$event_id" "$event_time" "$event_id" |
  kcat -P -b "${KAFKA_BROKERS:-localhost:9092}" -t "${TOPIC:-raw-events}" -K "$(printf '\t')" \
    -X acks=all -X enable.idempotence=true -X message.timeout.ms=15000

echo "$event_id was published."
