"""A member of a group, for tests: python confluent_consumer.py <bootstrap> <json configuration> <topic>...

Prints a line for everything that happens: `assigned t-0 t-1` (all it has now), `read t-0 17 value`, `error ...`. Commits what it has read
every half second, and when it is told to end (SIGTERM), which it says with `closed`.
"""
import json
import signal
import sys

from confluent_kafka import Consumer, KafkaError

bootstrap, configuration, topics = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]
running = True


def stop(*_):
    global running
    running = False


def say(*words):
    print(*words, flush=True)


def name(partitions):
    return " ".join(sorted(f"{p.topic}-{p.partition}" for p in partitions))


def incremental(consumer):
    return consumer.memberid() is not None and (
        configuration.get("group.protocol") == "consumer"
        or configuration.get("partition.assignment.strategy") == "cooperative-sticky"
    )


owned = {}


def on_assign(consumer, partitions):
    if not incremental(consumer):
        owned.clear()
    for p in partitions:
        owned[(p.topic, p.partition)] = p
    say("assigned", name(owned.values()))


def on_gone(consumer, partitions):
    for p in partitions:
        owned.pop((p.topic, p.partition), None)
    say("assigned", name(owned.values()))


def on_revoke(consumer, partitions):
    try:
        consumer.commit(asynchronous=False)
    except Exception as error:  # nothing to commit, or too late to
        say("note", error)
    on_gone(consumer, partitions)


signal.signal(signal.SIGTERM, stop)
consumer = Consumer({
    "bootstrap.servers": bootstrap,
    "auto.offset.reset": "earliest",
    "auto.commit.interval.ms": 500,
    "topic.metadata.refresh.interval.ms": 1000,
    **configuration,
})
consumer.subscribe(topics, on_assign=on_assign, on_revoke=on_revoke, on_lost=on_gone)
while running:
    message = consumer.poll(0.2)
    if message is None:
        continue
    if message.error():
        if message.error().code() not in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT):
            say("error", message.error())
        continue
    say("read", f"{message.topic()}-{message.partition()}", message.offset(), message.value().decode())
consumer.close()
say("closed")
