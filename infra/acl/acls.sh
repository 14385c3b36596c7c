#!/bin/sh
# Made by `make acl` from shared/model/rights.ts. Grants each program its rights in Kafka's ACLs, and none more.
# KAFKA_ACLS: kafka-acls.sh with its connection. CAPI_TOPIC_PREFIX: as for the programs. USER_PREFIX: before the programs' users.
#   KAFKA_ACLS="kafka-acls.sh --bootstrap-server kafka:9093 --command-config admin.properties" USER_PREFIX=capi- infra/acl/acls.sh
# Arguments: the programs; without any, all of them. ACTION=--remove takes the rights away again.
set -eu
programs=${*:-"normalizer mapper delivery-meta delivery-google delivery-tiktok delivery-snapchat delivery-whatsapp delivery-pinterest health notifier indexer console"}
acl() { ${KAFKA_ACLS:-kafka-acls.sh --bootstrap-server localhost:9092} "${ACTION:---add}" --allow-principal "User:${USER_PREFIX:-}$program" "$@"; }

for program in $programs; do
  case $program in
    normalizer)
      acl --operation Read --topic "${CAPI_TOPIC_PREFIX:-}raw-events" --topic "${CAPI_TOPIC_PREFIX:-}sealed-events" --topic "${CAPI_TOPIC_PREFIX:-}person-keys" --topic "${CAPI_TOPIC_PREFIX:-}identity-keys" --topic "${CAPI_TOPIC_PREFIX:-}consent-changes" --topic "${CAPI_TOPIC_PREFIX:-}suppressions"
      acl --operation Write --topic "${CAPI_TOPIC_PREFIX:-}sealed-events" --topic "${CAPI_TOPIC_PREFIX:-}normalized-events" --topic "${CAPI_TOPIC_PREFIX:-}delivery-results" --topic "${CAPI_TOPIC_PREFIX:-}dead-letters" --topic "${CAPI_TOPIC_PREFIX:-}sealing-keys" --topic "${CAPI_TOPIC_PREFIX:-}person-keys" --topic "${CAPI_TOPIC_PREFIX:-}identity-keys" --topic "${CAPI_TOPIC_PREFIX:-}suppressions" --topic "${CAPI_TOPIC_PREFIX:-}erasure-log"
      acl --operation Read --group "${CAPI_TOPIC_PREFIX:-}normalizer" --group "${CAPI_TOPIC_PREFIX:-}sealer" --group "${CAPI_TOPIC_PREFIX:-}consent-changes"
      acl --operation Write --resource-pattern-type prefixed --transactional-id "${CAPI_TOPIC_PREFIX:-}normalizer." --transactional-id "${CAPI_TOPIC_PREFIX:-}sealer." --transactional-id "${CAPI_TOPIC_PREFIX:-}consent-changes."
      ;;
    mapper)
      acl --operation Read --topic "${CAPI_TOPIC_PREFIX:-}normalized-events" --topic "${CAPI_TOPIC_PREFIX:-}mapper-dedup" --topic "${CAPI_TOPIC_PREFIX:-}mapper-connections" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.meta" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.google" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.tiktok" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.snapchat" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.whatsapp" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.pinterest" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.meta" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.google" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.tiktok" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.snapchat" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.whatsapp" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.pinterest" --topic "${CAPI_TOPIC_PREFIX:-}delivery-refusals" --topic "${CAPI_TOPIC_PREFIX:-}delivery-positions" --topic "${CAPI_TOPIC_PREFIX:-}suppressions"
      acl --operation Write --topic "${CAPI_TOPIC_PREFIX:-}normalized-events" --topic "${CAPI_TOPIC_PREFIX:-}mapper-dedup" --topic "${CAPI_TOPIC_PREFIX:-}mapper-connections" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.meta" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.google" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.tiktok" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.snapchat" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.whatsapp" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.pinterest" --topic "${CAPI_TOPIC_PREFIX:-}delivery-results" --topic "${CAPI_TOPIC_PREFIX:-}dead-letters"
      acl --operation Read --group "${CAPI_TOPIC_PREFIX:-}mapper"
      acl --operation Write --resource-pattern-type prefixed --transactional-id "${CAPI_TOPIC_PREFIX:-}mapper."
      acl --operation Describe --resource-pattern-type prefixed --group "${CAPI_TOPIC_PREFIX:-}delivery-"
      ;;
    delivery-meta)
      acl --operation Read --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.meta" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.meta" --topic "${CAPI_TOPIC_PREFIX:-}delivery-positions" --topic "${CAPI_TOPIC_PREFIX:-}suppressions"
      acl --operation Write --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.meta" --topic "${CAPI_TOPIC_PREFIX:-}delivery-refusals" --topic "${CAPI_TOPIC_PREFIX:-}delivery-positions" --topic "${CAPI_TOPIC_PREFIX:-}delivery-results" --topic "${CAPI_TOPIC_PREFIX:-}dead-letters" --topic "${CAPI_TOPIC_PREFIX:-}connector-state"
      acl --operation Read --group "${CAPI_TOPIC_PREFIX:-}delivery-meta"
      acl --operation Read --resource-pattern-type prefixed --group "${CAPI_TOPIC_PREFIX:-}delivery-meta."
      acl --operation Write --resource-pattern-type prefixed --transactional-id "${CAPI_TOPIC_PREFIX:-}delivery-meta."
      ;;
    delivery-google)
      acl --operation Read --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.google" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.google" --topic "${CAPI_TOPIC_PREFIX:-}pending-outcomes" --topic "${CAPI_TOPIC_PREFIX:-}delivery-positions" --topic "${CAPI_TOPIC_PREFIX:-}suppressions"
      acl --operation Write --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.google" --topic "${CAPI_TOPIC_PREFIX:-}pending-outcomes" --topic "${CAPI_TOPIC_PREFIX:-}delivery-refusals" --topic "${CAPI_TOPIC_PREFIX:-}delivery-positions" --topic "${CAPI_TOPIC_PREFIX:-}delivery-results" --topic "${CAPI_TOPIC_PREFIX:-}dead-letters" --topic "${CAPI_TOPIC_PREFIX:-}connector-state"
      acl --operation Read --group "${CAPI_TOPIC_PREFIX:-}delivery-google"
      acl --operation Read --resource-pattern-type prefixed --group "${CAPI_TOPIC_PREFIX:-}delivery-google."
      acl --operation Write --resource-pattern-type prefixed --transactional-id "${CAPI_TOPIC_PREFIX:-}delivery-google."
      ;;
    delivery-tiktok)
      acl --operation Read --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.tiktok" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.tiktok" --topic "${CAPI_TOPIC_PREFIX:-}delivery-positions" --topic "${CAPI_TOPIC_PREFIX:-}suppressions"
      acl --operation Write --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.tiktok" --topic "${CAPI_TOPIC_PREFIX:-}delivery-refusals" --topic "${CAPI_TOPIC_PREFIX:-}delivery-positions" --topic "${CAPI_TOPIC_PREFIX:-}delivery-results" --topic "${CAPI_TOPIC_PREFIX:-}dead-letters" --topic "${CAPI_TOPIC_PREFIX:-}connector-state"
      acl --operation Read --group "${CAPI_TOPIC_PREFIX:-}delivery-tiktok"
      acl --operation Read --resource-pattern-type prefixed --group "${CAPI_TOPIC_PREFIX:-}delivery-tiktok."
      acl --operation Write --resource-pattern-type prefixed --transactional-id "${CAPI_TOPIC_PREFIX:-}delivery-tiktok."
      ;;
    delivery-snapchat)
      acl --operation Read --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.snapchat" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.snapchat" --topic "${CAPI_TOPIC_PREFIX:-}delivery-positions" --topic "${CAPI_TOPIC_PREFIX:-}suppressions"
      acl --operation Write --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.snapchat" --topic "${CAPI_TOPIC_PREFIX:-}delivery-refusals" --topic "${CAPI_TOPIC_PREFIX:-}delivery-positions" --topic "${CAPI_TOPIC_PREFIX:-}delivery-results" --topic "${CAPI_TOPIC_PREFIX:-}dead-letters" --topic "${CAPI_TOPIC_PREFIX:-}connector-state"
      acl --operation Read --group "${CAPI_TOPIC_PREFIX:-}delivery-snapchat"
      acl --operation Read --resource-pattern-type prefixed --group "${CAPI_TOPIC_PREFIX:-}delivery-snapchat."
      acl --operation Write --resource-pattern-type prefixed --transactional-id "${CAPI_TOPIC_PREFIX:-}delivery-snapchat."
      ;;
    delivery-whatsapp)
      acl --operation Read --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.whatsapp" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.whatsapp" --topic "${CAPI_TOPIC_PREFIX:-}send-intents" --topic "${CAPI_TOPIC_PREFIX:-}pending-outcomes" --topic "${CAPI_TOPIC_PREFIX:-}delivery-positions" --topic "${CAPI_TOPIC_PREFIX:-}sealing-keys" --topic "${CAPI_TOPIC_PREFIX:-}suppressions"
      acl --operation Write --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.whatsapp" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.whatsapp" --topic "${CAPI_TOPIC_PREFIX:-}send-intents" --topic "${CAPI_TOPIC_PREFIX:-}pending-outcomes" --topic "${CAPI_TOPIC_PREFIX:-}delivery-refusals" --topic "${CAPI_TOPIC_PREFIX:-}delivery-positions" --topic "${CAPI_TOPIC_PREFIX:-}delivery-results" --topic "${CAPI_TOPIC_PREFIX:-}dead-letters" --topic "${CAPI_TOPIC_PREFIX:-}connector-state"
      acl --operation Read --group "${CAPI_TOPIC_PREFIX:-}delivery-whatsapp"
      acl --operation Read --resource-pattern-type prefixed --group "${CAPI_TOPIC_PREFIX:-}delivery-whatsapp."
      acl --operation Write --resource-pattern-type prefixed --transactional-id "${CAPI_TOPIC_PREFIX:-}delivery-whatsapp."
      ;;
    delivery-pinterest)
      acl --operation Read --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.pinterest" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.pinterest" --topic "${CAPI_TOPIC_PREFIX:-}delivery-positions" --topic "${CAPI_TOPIC_PREFIX:-}suppressions"
      acl --operation Write --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.pinterest" --topic "${CAPI_TOPIC_PREFIX:-}delivery-refusals" --topic "${CAPI_TOPIC_PREFIX:-}delivery-positions" --topic "${CAPI_TOPIC_PREFIX:-}delivery-results" --topic "${CAPI_TOPIC_PREFIX:-}dead-letters" --topic "${CAPI_TOPIC_PREFIX:-}connector-state"
      acl --operation Read --group "${CAPI_TOPIC_PREFIX:-}delivery-pinterest"
      acl --operation Read --resource-pattern-type prefixed --group "${CAPI_TOPIC_PREFIX:-}delivery-pinterest."
      acl --operation Write --resource-pattern-type prefixed --transactional-id "${CAPI_TOPIC_PREFIX:-}delivery-pinterest."
      ;;
    health)
      acl --operation Read --topic "${CAPI_TOPIC_PREFIX:-}raw-events" --topic "${CAPI_TOPIC_PREFIX:-}sealed-events" --topic "${CAPI_TOPIC_PREFIX:-}normalized-events" --topic "${CAPI_TOPIC_PREFIX:-}mapper-connections" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.meta" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.google" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.tiktok" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.snapchat" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.whatsapp" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.pinterest" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.meta" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.google" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.tiktok" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.snapchat" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.whatsapp" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.pinterest" --topic "${CAPI_TOPIC_PREFIX:-}delivery-positions" --topic "${CAPI_TOPIC_PREFIX:-}delivery-results" --topic "${CAPI_TOPIC_PREFIX:-}dead-letters" --topic "${CAPI_TOPIC_PREFIX:-}connector-state" --topic "${CAPI_TOPIC_PREFIX:-}connector-health" --topic "${CAPI_TOPIC_PREFIX:-}connector-health-history"
      acl --operation Write --topic "${CAPI_TOPIC_PREFIX:-}connector-health" --topic "${CAPI_TOPIC_PREFIX:-}connector-health-history" --topic "${CAPI_TOPIC_PREFIX:-}health-alerts"
      acl --operation Read --group "${CAPI_TOPIC_PREFIX:-}health"
      acl --operation Write --resource-pattern-type prefixed --transactional-id "${CAPI_TOPIC_PREFIX:-}health."
      acl --operation Describe --group "${CAPI_TOPIC_PREFIX:-}normalizer" --group "${CAPI_TOPIC_PREFIX:-}mapper"
      acl --operation Describe --resource-pattern-type prefixed --group "${CAPI_TOPIC_PREFIX:-}delivery-"
      ;;
    notifier)
      acl --operation Read --topic "${CAPI_TOPIC_PREFIX:-}health-alerts" --topic "${CAPI_TOPIC_PREFIX:-}notifier-state"
      acl --operation Write --topic "${CAPI_TOPIC_PREFIX:-}health-alerts" --topic "${CAPI_TOPIC_PREFIX:-}notifier-state"
      acl --operation Read --group "${CAPI_TOPIC_PREFIX:-}notifier"
      acl --operation Write --resource-pattern-type prefixed --transactional-id "${CAPI_TOPIC_PREFIX:-}notifier."
      ;;
    indexer)
      acl --operation Read --topic "${CAPI_TOPIC_PREFIX:-}normalized-events" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.meta" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.google" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.tiktok" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.snapchat" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.whatsapp" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.pinterest" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.meta" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.google" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.tiktok" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.snapchat" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.whatsapp" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.pinterest" --topic "${CAPI_TOPIC_PREFIX:-}send-intents" --topic "${CAPI_TOPIC_PREFIX:-}pending-outcomes" --topic "${CAPI_TOPIC_PREFIX:-}delivery-results" --topic "${CAPI_TOPIC_PREFIX:-}dead-letters" --topic "${CAPI_TOPIC_PREFIX:-}identity-keys"
      acl --operation Read --group "${CAPI_TOPIC_PREFIX:-}indexer"
      ;;
    console)
      acl --operation Read --topic "${CAPI_TOPIC_PREFIX:-}raw-events" --topic "${CAPI_TOPIC_PREFIX:-}sealed-events" --topic "${CAPI_TOPIC_PREFIX:-}normalized-events" --topic "${CAPI_TOPIC_PREFIX:-}mapper-connections" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.meta" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.google" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.tiktok" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.snapchat" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.whatsapp" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.pinterest" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.meta" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.google" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.tiktok" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.snapchat" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.whatsapp" --topic "${CAPI_TOPIC_PREFIX:-}delivery-retry.pinterest" --topic "${CAPI_TOPIC_PREFIX:-}send-intents" --topic "${CAPI_TOPIC_PREFIX:-}pending-outcomes" --topic "${CAPI_TOPIC_PREFIX:-}delivery-positions" --topic "${CAPI_TOPIC_PREFIX:-}delivery-results" --topic "${CAPI_TOPIC_PREFIX:-}dead-letters" --topic "${CAPI_TOPIC_PREFIX:-}connector-state" --topic "${CAPI_TOPIC_PREFIX:-}suppressions" --topic "${CAPI_TOPIC_PREFIX:-}connector-health" --topic "${CAPI_TOPIC_PREFIX:-}connector-health-history" --topic "${CAPI_TOPIC_PREFIX:-}health-alerts"
      acl --operation Write --topic "${CAPI_TOPIC_PREFIX:-}raw-events" --topic "${CAPI_TOPIC_PREFIX:-}sealed-events" --topic "${CAPI_TOPIC_PREFIX:-}normalized-events" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.meta" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.google" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.tiktok" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.snapchat" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.whatsapp" --topic "${CAPI_TOPIC_PREFIX:-}mapped-events.pinterest" --topic "${CAPI_TOPIC_PREFIX:-}delivery-refusals" --topic "${CAPI_TOPIC_PREFIX:-}dead-letters" --topic "${CAPI_TOPIC_PREFIX:-}consent-changes"
      acl --operation Write --transactional-id "${CAPI_TOPIC_PREFIX:-}capi-redrive"
      acl --operation Describe --group "${CAPI_TOPIC_PREFIX:-}normalizer" --group "${CAPI_TOPIC_PREFIX:-}sealer" --group "${CAPI_TOPIC_PREFIX:-}mapper" --group "${CAPI_TOPIC_PREFIX:-}health"
      acl --operation Describe --resource-pattern-type prefixed --group "${CAPI_TOPIC_PREFIX:-}delivery-"
      ;;
    *)
      echo "There is no program $program." >&2
      exit 2
      ;;
  esac
done
