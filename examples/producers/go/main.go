// Publishes one purchase, as JSON or as Avro through the schema registry, and waits until the broker has it.
//
//	go run . [json|avro]
//
// Settings: KAFKA_BROKERS, TOPIC, and for Avro SCHEMA_REGISTRY_URL.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

func main() {
	log.SetFlags(0)
	encoding := "json"
	if len(os.Args) > 1 {
		encoding = os.Args[1]
	}
	if err := run(encoding); err != nil {
		log.Fatalf("The event was not published: %v", err)
	}
}

func run(encoding string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()

	topic := environment("TOPIC", "raw-events")
	event, key := purchase()
	value, err := encode(ctx, encoding, topic, event)
	if err != nil {
		return err
	}

	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(environment("KAFKA_BROKERS", "localhost:9092"), ",")...),
		// Written to all replicas, once and in order although the client tries again: its defaults, spelled out. Given up
		// after 15 seconds.
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordDeliveryTimeout(15*time.Second),
	)
	if err != nil {
		return err
	}
	defer client.Close()

	// The customer's id as the key keeps one customer's events in order.
	record := &kgo.Record{Topic: topic, Key: []byte(key), Value: value}
	receipt, err := client.ProduceSync(ctx, record).First()
	if err != nil {
		return fmt.Errorf("the broker did not take it: %w", err)
	}
	fmt.Printf("%s is at %s/%d/%d\n", event["event_id"], receipt.Topic, receipt.Partition, receipt.Offset)
	return nil
}

// purchase returns an event and its customer's id.
func purchase() (map[string]any, string) {
	// Of an order, use an id that every attempt to send it has, and that the pixel sends too: the order's.
	eventID := newID()
	return map[string]any{
		"event_id":         eventID,
		"event_name":       "purchase",
		"event_time":       time.Now().UnixMilli(),
		"action_source":    "website",
		"event_source_url": "https://shop.example/thanks",
		"user": map[string]any{
			"email": "jane.doe@example.com", "phone": "+1 415-555-0132", "country": "US",
			"external_id": "u-77", "ip": "203.0.113.7", "user_agent": "Mozilla/5.0",
		},
		"consent": map[string]any{"ad_user_data": "granted", "ad_personalization": "granted"},
		"properties": map[string]any{
			"value": 129.95, "currency": "USD", "order_id": eventID,
			"items": []map[string]any{{"id": "sku-2", "name": "Rain jacket", "quantity": 1.0, "price": 129.95}},
		},
	}, "u-77"
}

func encode(ctx context.Context, encoding, topic string, event map[string]any) ([]byte, error) {
	switch encoding {
	case "json":
		return json.Marshal(event)
	case "avro":
		return encodeAvro(ctx, topic, event)
	}
	return nil, fmt.Errorf("the encoding is json or avro, not %q", encoding)
}

// encodeAvro uses the latest schema of the subject <topic>-value; fields that an event lacks get their defaults.
func encodeAvro(ctx context.Context, topic string, event map[string]any) ([]byte, error) {
	registry, err := sr.NewClient(sr.URLs(environment("SCHEMA_REGISTRY_URL", "http://localhost:8081")))
	if err != nil {
		return nil, err
	}
	latest, err := registry.SchemaByVersion(ctx, topic+"-value", -1)
	if err != nil {
		return nil, fmt.Errorf("the registry has no schema for %s: %w", topic, err)
	}
	schema, err := avro.Parse(latest.Schema.Schema)
	if err != nil {
		return nil, err
	}
	header, err := new(sr.ConfluentHeader).AppendEncode(nil, latest.ID, nil)
	if err != nil {
		return nil, err
	}
	return schema.AppendEncode(header, event)
}

func environment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// newID returns a random UUID (version 4).
func newID() string {
	id := make([]byte, 16)
	// It never fails (crypto/rand).
	_, _ = rand.Read(id)
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
