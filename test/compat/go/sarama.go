package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/IBM/sarama"
)

type saramas struct{ bootstrap string }

func (s saramas) config() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Net.MaxOpenRequests = 1
	config.Consumer.Group.Session.Timeout = 6 * time.Second
	config.Consumer.Group.Heartbeat.Interval = 500 * time.Millisecond
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Interval = 500 * time.Millisecond
	config.Consumer.IsolationLevel = sarama.ReadCommitted
	return config
}

func (s saramas) produce(_ context.Context, topic string, partitions, from, to int) error {
	config := s.config()
	config.Producer.Compression = sarama.CompressionLZ4
	producer, err := sarama.NewSyncProducer([]string{s.bootstrap}, config)
	if err != nil {
		return err
	}
	defer producer.Close()
	messages := make([]*sarama.ProducerMessage, 0, to-from)
	for i := from; i < to; i++ {
		text := strconv.Itoa(i)
		messages = append(messages, &sarama.ProducerMessage{
			Topic: topic, Partition: int32(i % partitions), Key: sarama.StringEncoder(text), Value: sarama.StringEncoder(text),
			Headers: []sarama.RecordHeader{{Key: []byte("n"), Value: []byte(text)}},
		})
	}
	return producer.SendMessages(messages)
}

// Takes the records of one claim in turn with those of the others.
type member struct {
	take func(session sarama.ConsumerGroupSession, messages []*sarama.ConsumerMessage) error
	lock chan struct{}
	// The first error: it ends the program.
	failed chan error
}

func (m *member) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (m *member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		batch, open := collect(session.Context(), claim.Messages())
		if len(batch) > 0 {
			m.lock <- struct{}{}
			err := m.take(session, batch)
			<-m.lock
			if err != nil {
				select {
				case m.failed <- err:
				default:
				}
				return err
			}
		}
		if !open {
			return nil
		}
	}
}

// Waits for a record and takes what else there is; false when the session is over.
func collect(ctx context.Context, messages <-chan *sarama.ConsumerMessage) ([]*sarama.ConsumerMessage, bool) {
	var batch []*sarama.ConsumerMessage
	select {
	case <-ctx.Done():
		return nil, false
	case message, open := <-messages:
		if !open {
			return nil, false
		}
		batch = append(batch, message)
	}
	for len(batch) < perTransaction {
		select {
		case message, open := <-messages:
			if !open {
				return batch, false
			}
			batch = append(batch, message)
		default:
			return batch, true
		}
	}
	return batch, true
}

func (s saramas) run(ctx context.Context, config *sarama.Config, topic, group string, take func(sarama.ConsumerGroupSession, []*sarama.ConsumerMessage) error) error {
	consumer, err := sarama.NewConsumerGroup([]string{s.bootstrap}, group, config)
	if err != nil {
		return err
	}
	defer consumer.Close()
	self := &member{take: take, lock: make(chan struct{}, 1), failed: make(chan error, 1)}
	for ctx.Err() == nil {
		// Returns at each rebalance.
		if err := consumer.Consume(ctx, []string{topic}, self); err != nil {
			fmt.Println("note", err)
			time.Sleep(100 * time.Millisecond)
		}
		select {
		case err := <-self.failed:
			return err
		default:
		}
	}
	return nil
}

func (s saramas) consume(ctx context.Context, topic, group string) error {
	return s.run(ctx, s.config(), topic, group, func(session sarama.ConsumerGroupSession, messages []*sarama.ConsumerMessage) error {
		for _, message := range messages {
			sayRead(message.Topic, message.Partition, message.Offset, message.Value)
			session.MarkMessage(message, "")
		}
		return nil
	})
}

func (s saramas) copy(ctx context.Context, in, out, group, transactionalID string) error {
	config := s.config()
	config.Consumer.Offsets.AutoCommit.Enable = false
	config.Producer.Transaction.ID = transactionalID
	config.Producer.Transaction.Timeout = 10 * time.Second
	producer, err := sarama.NewSyncProducer([]string{s.bootstrap}, config)
	if err != nil {
		return err
	}
	defer producer.Close()
	n := 0
	send := func(messages []*sarama.ConsumerMessage) error {
		if err := producer.BeginTxn(); err != nil {
			return err
		}
		copies := make([]*sarama.ProducerMessage, len(messages))
		for i, message := range messages {
			copies[i] = &sarama.ProducerMessage{Topic: out, Partition: message.Partition, Value: sarama.ByteEncoder(message.Value)}
		}
		return producer.SendMessages(copies)
	}
	return s.run(ctx, config, in, group, func(_ sarama.ConsumerGroupSession, messages []*sarama.ConsumerMessage) error {
		if n++; n%abortEvery == 0 {
			if err := send(messages); err != nil {
				return err
			}
			if err := producer.AbortTxn(); err != nil {
				return err
			}
		}
		if err := send(messages); err != nil {
			return err
		}
		if err := producer.AddMessageToTxn(messages[len(messages)-1], group, nil); err != nil {
			return err
		}
		if err := producer.CommitTxn(); err != nil {
			return err
		}
		fmt.Println("copied", len(messages))
		return nil
	})
}
