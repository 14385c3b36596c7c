// Takes alerts from health-alerts to a webhook (Slack's form): each at least once, in order, with retries.
//
//	WEBHOOK_URL=https://hooks.slack.com/services/… go run .
//
// Settings: KAFKA_BROKERS, SCHEMA_REGISTRY_URL, CAPI_TOPIC_PREFIX, WEBHOOK_URL. Ctrl-C ends it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

// alert has the fields of schemas/health-alert.avsc that this program uses.
type alert struct {
	connectionID, status, message string
}

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	url := os.Getenv("WEBHOOK_URL")
	if url == "" {
		return errors.New("set WEBHOOK_URL to the webhook's address")
	}
	prefix := os.Getenv("CAPI_TOPIC_PREFIX")
	registry, err := sr.NewClient(sr.URLs(environment("SCHEMA_REGISTRY_URL", "http://localhost:8081")))
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(environment("KAFKA_BROKERS", "localhost:9092"), ",")...),
		kgo.ConsumerGroup(prefix+"alerts-example-go"),
		kgo.ConsumeTopics(prefix+"health-alerts"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.DisableAutoCommit(),
	)
	if err != nil {
		return err
	}
	defer client.Close()

	decoder := &decoder{registry: registry, schemas: map[int]*avro.Schema{}}
	for {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return err
		}
		// The client tries again by itself; these are worth a line.
		fetches.EachError(func(topic string, partition int32, err error) {
			log.Printf("%s/%d: %v", topic, partition, err)
		})
		for _, record := range fetches.Records() {
			found, err := decoder.decode(ctx, record.Value)
			if err != nil {
				return fmt.Errorf("%s/%d/%d cannot be read: %w", record.Topic, record.Partition, record.Offset, err)
			}
			if err := deliver(ctx, url, found); err != nil {
				return err
			}
			// After the delivery: a crash between the two sends it again.
			if err := client.CommitRecords(ctx, record); err != nil {
				return err
			}
		}
	}
}

type decoder struct {
	registry *sr.Client
	schemas  map[int]*avro.Schema
}

// decode reads Confluent's frame: a zero byte, the schema's id (4 bytes), the record in Avro.
func (d *decoder) decode(ctx context.Context, value []byte) (alert, error) {
	id, data, err := new(sr.ConfluentHeader).DecodeID(value)
	if err != nil {
		return alert{}, err
	}
	schema, known := d.schemas[id]
	if !known {
		registered, err := d.registry.SchemaByID(ctx, id)
		if err != nil {
			return alert{}, err
		}
		if schema, err = avro.Parse(registered.Schema); err != nil {
			return alert{}, err
		}
		d.schemas[id] = schema
	}
	var fields map[string]any
	if _, err = schema.Decode(data, &fields); err != nil {
		return alert{}, err
	}
	text := func(name string) string {
		value, _ := fields[name].(string)
		return value
	}
	return alert{connectionID: text("connection_id"), status: text("status"), message: text("message")}, nil
}

// deliver tries until the webhook takes it, and waits at least its Retry-After: an alert must not be lost.
func deliver(ctx context.Context, url string, found alert) error {
	mark := map[string]string{"healthy": ":large_green_circle:", "unhealthy": ":red_circle:"}[found.status]
	if mark == "" {
		mark = ":large_orange_circle:"
	}
	body, err := json.Marshal(map[string]string{"text": mark + " " + found.message})
	if err != nil {
		return err
	}
	for delay := time.Second; ; delay = min(delay*2, time.Minute) {
		retryAfter, err := post(ctx, url, body)
		if err == nil {
			return nil
		}
		wait := max(delay, retryAfter)
		log.Printf("The webhook did not take an alert of %s (%v); again in %s.", found.connectionID, err, wait)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// post returns the answer's Retry-After beside its error. The error holds no address: a webhook's is a secret.
func post(ctx context.Context, url string, body []byte) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, errors.New("the address is not one")
	}
	request.Header.Set("content-type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, errors.Unwrap(err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	if response.StatusCode < 300 {
		return 0, nil
	}
	seconds, _ := strconv.Atoi(response.Header.Get("retry-after"))
	return min(time.Duration(seconds)*time.Second, time.Hour), fmt.Errorf("it answers %d", response.StatusCode)
}

func environment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
