import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** Publishes one purchase as JSON, and waits until the broker has it. */
public class PublishPurchase {
  public static void main(String[] arguments) throws Exception {
    var brokers = Optional.ofNullable(System.getenv("KAFKA_BROKERS")).orElse("localhost:9092");
    var topic = Optional.ofNullable(System.getenv("TOPIC")).orElse("raw-events");
    // Of an order, use an id that every attempt to send it has, and that the pixel sends too: the order's.
    var eventId = UUID.randomUUID().toString();
    var event = """
        {"event_id": "%s", "event_name": "purchase", "event_time": %d, "action_source": "website",
         "event_source_url": "https://shop.example/thanks",
         "user": {"email": "jane.doe@example.com", "phone": "+1 415-555-0132", "country": "US",
                  "external_id": "u-77", "ip": "203.0.113.7", "user_agent": "Mozilla/5.0"},
         "consent": {"ad_user_data": "granted", "ad_personalization": "granted"},
         "properties": {"value": 129.95, "currency": "USD", "order_id": "%s",
                        "items": [{"id": "sku-2", "name": "Rain jacket", "quantity": 1, "price": 129.95}]}}
        """.formatted(eventId, System.currentTimeMillis(), eventId);

    // Written to all replicas, once and in order although the client tries again: its defaults, spelled out.
    Map<String, Object> configuration = Map.of(
        ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers,
        ProducerConfig.ACKS_CONFIG, "all",
        ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true,
        ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, 15_000,
        ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, 10_000,
        ProducerConfig.MAX_BLOCK_MS_CONFIG, 15_000);
    try (var producer = new KafkaProducer<>(configuration, new StringSerializer(), new StringSerializer())) {
      var receipt = producer.send(new ProducerRecord<>(topic, "u-77", event)).get(30, TimeUnit.SECONDS);
      System.out.printf("%s is at %s/%d/%d%n", eventId, receipt.topic(), receipt.partition(), receipt.offset());
    } catch (ExecutionException error) {
      System.err.println("The broker did not take the event: " + error.getCause().getMessage());
      System.exit(1);
    }
  }
}
