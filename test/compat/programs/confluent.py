"""Programs on confluent-kafka (librdkafka): see ../../support/client-program.ts, which says what each command does and prints.

    python confluent.py BOOTSTRAP produce|consume|copy ...
"""
import signal
import sys

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

# Records that a copier takes in one transaction, at most.
PER_TRANSACTION = 50
# Every so many transactions one is aborted, and its records are copied again.
ABORT_EVERY = 5

running = True


def stop(*_):
    global running
    running = False


def say(*words):
    print(*words, flush=True)


def produce(bootstrap, topic, partitions, first, end):
    failed = []
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "compression.type": "snappy"})

    def done(error, _):
        if error is not None:
            failed.append(error)

    for n in range(int(first), int(end)):
        text = str(n)
        producer.produce(topic, partition=n % int(partitions), key=text, value=text, headers=[("n", text)], on_delivery=done)
        producer.poll(0)
    left = producer.flush(60)
    if failed or left:
        raise SystemExit(f"failed {failed[:1]}, {left} left")


def member(bootstrap, group, more):
    return Consumer({
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 500,
        "isolation.level": "read_committed",
        **more,
    })


def good(message):
    error = message.error()
    if error is None:
        return True
    if error.code() not in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._PARTITION_EOF):
        say("error", error)
    return False


def consume(bootstrap, topic, group):
    consumer = member(bootstrap, group, {"auto.commit.interval.ms": 500})
    consumer.subscribe([topic])
    while running:
        message = consumer.poll(0.2)
        if message is not None and good(message):
            say("read", f"{message.topic()}-{message.partition()}", message.offset(), message.value().decode())
    consumer.close()


def copy(bootstrap, source, target, group, transactional_id):
    producer = Producer({
        "bootstrap.servers": bootstrap,
        "transactional.id": transactional_id,
        "transaction.timeout.ms": 10_000,
        # A broker that is back within a second: librdkafka 2.16 has dropped it and bootstraps again, while its request to the group's coordinator
        # waits, for ever, for the one that it has dropped.
        "metadata.recovery.strategy": "none",
    })
    producer.init_transactions(60)
    consumer = member(bootstrap, group, {"enable.auto.commit": False})
    consumer.subscribe([source])
    transactions = 0

    def begin(messages):
        producer.begin_transaction()
        for message in messages:
            producer.produce(target, partition=message.partition(), value=message.value())

    while running:
        messages = [message for message in consumer.consume(PER_TRANSACTION, 0.1) if good(message)]
        if not messages:
            continue
        transactions += 1
        if transactions % ABORT_EVERY == 0:
            begin(messages)
            producer.flush(60)
            producer.abort_transaction(60)
        begin(messages)
        try:
            read = [place for place in consumer.position(consumer.assignment()) if place.offset >= 0]
            producer.send_offsets_to_transaction(read, consumer.consumer_group_metadata(), 60)
            while True:
                try:
                    producer.commit_transaction(60)
                    break
                except KafkaException as error:
                    if not error.args[0].retriable():
                        raise
        except KafkaException as error:
            say("failed", error)
            raise SystemExit(1)
        say("copied", len(messages))
    consumer.close()


signal.signal(signal.SIGTERM, stop)
{"produce": produce, "consume": consume, "copy": copy}[sys.argv[2]](sys.argv[1], *sys.argv[3:])
say("closed")
