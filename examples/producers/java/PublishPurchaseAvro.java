import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.generic.GenericRecordBuilder;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Publishes one purchase as Avro through the schema registry, and waits until the broker has it. Where Confluent's Maven repository is
 * reachable, their KafkaAvroSerializer does what {@link Registry} and {@link #encode} do here, with the settings auto.register.schemas=false
 * and use.latest.version=true.
 */
public class PublishPurchaseAvro {
  /** The latest schema of a subject, and its id. */
  record Registry(int id, Schema schema) {
    static Registry latest(String url, String subject) throws IOException, InterruptedException {
      var request = HttpRequest.newBuilder(URI.create(url.replaceAll("/+$", "") + "/subjects/" + subject + "/versions/latest"))
          .timeout(Duration.ofSeconds(10))
          .build();
      var response = HttpClient.newHttpClient().send(request, BodyHandlers.ofString());
      if (response.statusCode() != 200)
        throw new IOException("The registry has no schema for " + subject + ": " + response.body());
      var answer = new ObjectMapper().readTree(response.body());
      return new Registry(answer.get("id").asInt(), new Schema.Parser().parse(answer.get("schema").asText()));
    }
  }

  public static void main(String[] arguments) throws Exception {
    var brokers = setting("KAFKA_BROKERS", "localhost:9092");
    var topic = setting("TOPIC", "raw-events");
    var registry = Registry.latest(setting("SCHEMA_REGISTRY_URL", "http://localhost:8081"), topic + "-value");
    // Of an order, use an id that every attempt to send it has, and that the pixel sends too: the order's.
    var eventId = UUID.randomUUID().toString();
    var value = encode(registry, purchase(registry.schema(), eventId));
    // Written to all replicas, once and in order although the client tries again: its defaults, spelled out.
    Map<String, Object> configuration = Map.of(
        ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers,
        ProducerConfig.ACKS_CONFIG, "all",
        ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true,
        ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, 15_000,
        ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, 10_000,
        ProducerConfig.MAX_BLOCK_MS_CONFIG, 15_000);
    try (var producer = new KafkaProducer<>(configuration, new StringSerializer(), new ByteArraySerializer())) {
      var receipt = producer.send(new ProducerRecord<>(topic, "u-77", value)).get(30, TimeUnit.SECONDS);
      System.out.printf("%s is at %s/%d/%d%n", eventId, receipt.topic(), receipt.partition(), receipt.offset());
    } catch (ExecutionException error) {
      System.err.println("The broker did not take the event: " + error.getCause().getMessage());
      System.exit(1);
    }
  }

  static GenericRecord purchase(Schema schema, String eventId) {
    var properties = branch(schema, "properties");
    var item = record(properties.getField("items").schema().getElementType(),
        Map.of("id", "sku-2", "name", "Rain jacket", "quantity", 1.0, "price", 129.95));
    return record(schema, Map.of(
        "event_id", eventId,
        "event_name", "purchase",
        "event_time", System.currentTimeMillis(),
        "action_source", "website",
        "event_source_url", "https://shop.example/thanks",
        "user", record(branch(schema, "user"), Map.of(
            "email", "jane.doe@example.com", "phone", "+1 415-555-0132", "country", "US",
            "external_id", "u-77", "ip", "203.0.113.7", "user_agent", "Mozilla/5.0")),
        "consent", record(branch(schema, "consent"), Map.of("ad_user_data", "granted", "ad_personalization", "granted")),
        "properties", record(properties, Map.of(
            "value", 129.95, "currency", "USD", "order_id", eventId, "items", List.of(item)))));
  }

  /** Fields that are not given get their defaults. */
  static GenericRecord record(Schema schema, Map<String, Object> fields) {
    var builder = new GenericRecordBuilder(schema);
    fields.forEach(builder::set);
    return builder.build();
  }

  /** The record of a field that may be null. */
  static Schema branch(Schema schema, String field) {
    return schema.getField(field).schema().getTypes().stream()
        .filter(type -> type.getType() == Schema.Type.RECORD).findFirst().orElseThrow();
  }

  /** A zero byte, the schema's id (4 bytes), the record. */
  static byte[] encode(Registry registry, GenericRecord event) throws IOException {
    var bytes = new ByteArrayOutputStream();
    var header = new DataOutputStream(bytes);
    header.writeByte(0);
    header.writeInt(registry.id());
    var encoder = EncoderFactory.get().binaryEncoder(bytes, null);
    new GenericDatumWriter<GenericRecord>(registry.schema()).write(event, encoder);
    encoder.flush();
    return bytes.toByteArray();
  }

  static String setting(String name, String otherwise) {
    return Optional.ofNullable(System.getenv(name)).filter(value -> !value.isEmpty()).orElse(otherwise);
  }
}
