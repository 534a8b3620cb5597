// Programs on clients of Go, for tests: see ../../support/client-program.ts, which says what each command does and prints.
//
//	goclients LIBRARY BOOTSTRAP produce TOPIC PARTITIONS FROM TO
//	goclients LIBRARY BOOTSTRAP consume TOPIC GROUP
//	goclients LIBRARY BOOTSTRAP copy IN OUT GROUP TRANSACTIONAL_ID
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

// Records that a copier takes in one transaction, at most.
const perTransaction = 50

// Every so many transactions one is aborted, and its records are copied again.
const abortEvery = 5

type library interface {
	produce(ctx context.Context, topic string, partitions, from, to int) error
	consume(ctx context.Context, topic, group string) error
	copy(ctx context.Context, in, out, group, transactionalID string) error
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && ctx.Err() == nil {
		fmt.Println("failed", err)
		os.Exit(1)
	}
	fmt.Println("closed")
}

func run(ctx context.Context, args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("too few arguments: %v", args)
	}
	libraries := map[string]library{"franz-go": franz{args[1]}, "sarama": saramas{args[1]}, "segmentio": segmentio{args[1]}}
	client, known := libraries[args[0]]
	command, rest := args[2], args[3:]
	switch {
	case !known:
		return fmt.Errorf("no such library: %s", args[0])
	case command == "produce" && len(rest) == 4:
		numbers := make([]int, 3)
		for i := range numbers {
			number, err := strconv.Atoi(rest[i+1])
			if err != nil {
				return err
			}
			numbers[i] = number
		}
		return client.produce(ctx, rest[0], numbers[0], numbers[1], numbers[2])
	case command == "consume" && len(rest) == 2:
		return client.consume(ctx, rest[0], rest[1])
	case command == "copy" && len(rest) == 4:
		return client.copy(ctx, rest[0], rest[1], rest[2], rest[3])
	}
	return fmt.Errorf("no such command, or not its arguments: %v", args)
}

func sayRead(topic string, partition int32, offset int64, value []byte) {
	fmt.Printf("read %s-%d %d %s\n", topic, partition, offset, value)
}
