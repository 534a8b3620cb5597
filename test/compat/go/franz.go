package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type franz struct{ bootstrap string }

func (f franz) options(more ...kgo.Opt) []kgo.Opt {
	return append(more, kgo.SeedBrokers(f.bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()))
}

func (f franz) produce(ctx context.Context, topic string, partitions, from, to int) error {
	client, err := kgo.NewClient(f.options(kgo.ProducerBatchCompression(kgo.ZstdCompression()))...)
	if err != nil {
		return err
	}
	defer client.Close()
	var failure error
	for i := from; i < to; i++ {
		text := []byte(strconv.Itoa(i))
		record := &kgo.Record{
			Topic: topic, Partition: int32(i % partitions), Key: text, Value: text,
			Headers: []kgo.RecordHeader{{Key: "n", Value: text}},
		}
		client.Produce(ctx, record, func(_ *kgo.Record, err error) {
			if err != nil {
				failure = err
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	return failure
}

func (f franz) group(topic, group string, more ...kgo.Opt) []kgo.Opt {
	more = append(more, kgo.ConsumeTopics(topic), kgo.ConsumerGroup(group), kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(500*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	return f.options(more...)
}

func (f franz) consume(ctx context.Context, topic, group string) error {
	client, err := kgo.NewClient(f.group(topic, group, kgo.AutoCommitInterval(500*time.Millisecond), kgo.AutoCommitMarks())...)
	if err != nil {
		return err
	}
	// Commits what is marked, and leaves.
	defer client.Close()
	defer client.CommitMarkedOffsets(context.Background())
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		fetches.EachError(func(topic string, partition int32, err error) {
			if ctx.Err() == nil {
				fmt.Println("error", topic, partition, err)
			}
		})
		fetches.EachRecord(func(record *kgo.Record) {
			sayRead(record.Topic, record.Partition, record.Offset, record.Value)
			client.MarkCommitRecords(record)
		})
	}
	return nil
}

func (f franz) copy(ctx context.Context, in, out, group, transactionalID string) error {
	session, err := kgo.NewGroupTransactSession(f.group(in, group, kgo.TransactionalID(transactionalID), kgo.TransactionTimeout(10*time.Second))...)
	if err != nil {
		return err
	}
	defer session.Close()
	for n := 1; ctx.Err() == nil; n++ {
		fetches := session.PollRecords(ctx, perTransaction)
		if errs := fetches.Errors(); len(errs) > 0 {
			return errs[0].Err
		}
		if fetches.NumRecords() == 0 {
			continue
		}
		if err := session.Begin(); err != nil {
			return err
		}
		promise := kgo.AbortingFirstErrPromise(session.Client())
		fetches.EachRecord(func(record *kgo.Record) {
			session.Produce(ctx, &kgo.Record{Topic: out, Partition: record.Partition, Value: record.Value}, promise.Promise())
		})
		commit := kgo.TransactionEndTry(promise.Err() == nil && n%abortEvery != 0)
		// Aborting, it goes back to where it was.
		committed, err := session.End(ctx, commit)
		if err != nil {
			return err
		}
		if committed {
			fmt.Println("copied", fetches.NumRecords())
		}
	}
	return nil
}
