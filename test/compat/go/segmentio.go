package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
)

type segmentio struct{ bootstrap string }

func (s segmentio) produce(ctx context.Context, topic string, partitions, from, to int) error {
	writer := &kafka.Writer{
		Addr: kafka.TCP(s.bootstrap), Topic: topic, RequiredAcks: kafka.RequireAll, Compression: kafka.Snappy, BatchTimeout: 10 * time.Millisecond,
		Balancer: kafka.BalancerFunc(func(message kafka.Message, _ ...int) int {
			number, _ := strconv.Atoi(string(message.Value))
			return number % partitions
		}),
	}
	defer writer.Close()
	messages := make([]kafka.Message, 0, to-from)
	for i := from; i < to; i++ {
		text := []byte(strconv.Itoa(i))
		messages = append(messages, kafka.Message{Key: text, Value: text, Headers: []kafka.Header{{Key: "n", Value: text}}})
	}
	return writer.WriteMessages(ctx, messages...)
}

func (s segmentio) consume(ctx context.Context, topic, group string) error {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{s.bootstrap}, GroupID: group, Topic: topic, MaxWait: 100 * time.Millisecond, StartOffset: kafka.FirstOffset,
		SessionTimeout: 6 * time.Second, HeartbeatInterval: 500 * time.Millisecond, CommitInterval: 500 * time.Millisecond,
	})
	defer reader.Close()
	for {
		message, err := reader.ReadMessage(ctx)
		if err != nil {
			return err
		}
		sayRead(message.Topic, int32(message.Partition), message.Offset, message.Value)
	}
}

func (s segmentio) copy(context.Context, string, string, string, string) error {
	return errors.New("kafka-go has no transactions")
}
