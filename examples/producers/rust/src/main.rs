//! Publishes one purchase, as JSON or as Avro through the schema registry, and waits until the broker has it.
//!
//!     cargo run -- [json|avro]
//!
//! Settings: KAFKA_BROKERS, TOPIC, and for Avro SCHEMA_REGISTRY_URL.

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use apache_avro::types::Value as Avro;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use schema_registry_converter::async_impl::easy_avro::EasyAvroEncoder;
use schema_registry_converter::async_impl::schema_registry::SrSettings;
use schema_registry_converter::schema_registry_common::SubjectNameStrategy;
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let encoding = env::args().nth(1).unwrap_or_else(|| "json".into());
    match publish(&encoding).await {
        Ok(receipt) => {
            println!("{receipt}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("The event was not published: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn publish(encoding: &str) -> Result<String, Box<dyn Error>> {
    let topic = setting("TOPIC", "raw-events");
    // Of an order, use an id that every attempt to send it has, and that the pixel sends too: the order's.
    let event_id = Uuid::new_v4().to_string();
    let event = purchase(&event_id)?;
    let value = match encoding {
        "json" => serde_json::to_vec(&event)?,
        "avro" => to_avro(&topic, event).await?,
        other => return Err(format!("the encoding is json or avro, not {other}").into()),
    };
    let producer: FutureProducer = ClientConfig::new()
        .set(
            "bootstrap.servers",
            setting("KAFKA_BROKERS", "localhost:9092"),
        )
        // Written to all replicas, once and in order although the client tries again; given up after 15 seconds.
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("delivery.timeout.ms", "15000")
        .create()?;
    // The customer's id as the key keeps one customer's events in order.
    let record = FutureRecord::to(&topic).key("u-77").payload(&value);
    let receipt = producer
        .send(record, Duration::from_secs(15))
        .await
        .map_err(|(error, _)| error)?;
    producer.flush(Duration::from_secs(5))?;
    Ok(format!(
        "{event_id} is at {topic}/{}/{}",
        receipt.partition, receipt.offset
    ))
}

fn purchase(event_id: &str) -> Result<Value, Box<dyn Error>> {
    let event_time = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    Ok(json!({
        "event_id": event_id,
        "event_name": "purchase",
        "event_time": event_time,
        "action_source": "website",
        "event_source_url": "https://shop.example/thanks",
        "user": {
            "email": "jane.doe@example.com",
            "phone": "+1 415-555-0132",
            "country": "US",
            "external_id": "u-77",
            "ip": "203.0.113.7",
            "user_agent": "Mozilla/5.0"
        },
        "consent": { "ad_user_data": "granted", "ad_personalization": "granted" },
        "properties": {
            "value": 129.95,
            "currency": "USD",
            "order_id": event_id,
            "items": [{ "id": "sku-2", "name": "Rain jacket", "quantity": 1, "price": 129.95 }]
        }
    }))
}

/// The schema is the latest of the subject `<topic>-value`; fields that an event lacks get their defaults.
async fn to_avro(topic: &str, event: Value) -> Result<Vec<u8>, Box<dyn Error>> {
    let encoder = EasyAvroEncoder::new(SrSettings::new(setting(
        "SCHEMA_REGISTRY_URL",
        "http://localhost:8081",
    )));
    let subject = SubjectNameStrategy::TopicNameStrategy(topic.into(), false);
    let schema = encoder
        .get_schema_and_id(&subject.get_subject()?, subject.clone())
        .await?;
    let value = avro_of(event).resolve(&schema.parsed)?;
    Ok(encoder.encode_value(value, &subject).await?)
}

/// Not `apache_avro::to_value`, which makes bytes of JSON's whole numbers.
fn avro_of(value: Value) -> Avro {
    match value {
        Value::Null => Avro::Null,
        Value::Bool(truth) => Avro::Boolean(truth),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Avro::Long(whole),
            None => Avro::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Avro::String(text),
        Value::Array(items) => Avro::Array(items.into_iter().map(avro_of).collect()),
        Value::Object(fields) => Avro::Map(
            fields
                .into_iter()
                .map(|(name, field)| (name, avro_of(field)))
                .collect(),
        ),
    }
}

fn setting(name: &str, otherwise: &str) -> String {
    env::var(name)
        .ok()
        .filter(|value| !value.is_empty())
        .unwrap_or_else(|| otherwise.into())
}
