// Publishes one purchase as plain JSON and waits for the broker's receipt.
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

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()

	// Acknowledgement by all replicas and idempotence are this client's defaults.
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(environment("KAFKA_BROKERS", "localhost:9092"), ",")...))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	eventID := newID()
	event := map[string]any{
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
			"items": []map[string]any{{"id": "sku-2", "name": "Rain jacket", "quantity": 1, "price": 129.95}},
		},
	}
	value, err := json.Marshal(event)
	if err != nil {
		log.Fatal(err)
	}

	record := &kgo.Record{Topic: environment("TOPIC", "raw-events"), Key: []byte("u-77"), Value: value}
	receipt, err := client.ProduceSync(ctx, record).First()
	if err != nil {
		log.Fatalf("The broker did not take the event: %v", err)
	}
	fmt.Printf("%s is at %s/%d/%d\n", event["event_id"], receipt.Topic, receipt.Partition, receipt.Offset)
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
	if _, err := rand.Read(id); err != nil {
		log.Fatal(err)
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
