"""Copies records exactly once with librdkafka: python confluent_copier.py <options as JSON>. What copier-process.ts does, and says."""
import json
import random
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from confluent_retry import persist

options = json.loads(sys.argv[1])
draw = random.Random(options["seed"])
number = 0


def say(step, detail=""):
    print(step, number, detail, flush=True)


def dawdle():
    time.sleep(draw.random() * options["dawdleMs"] / 1000)


def copy(consumer, producer, messages):
    global number
    aborts = draw.random() < options["abortShare"]
    number += 1
    say("begin")
    # Of this moment: what happens to the group later must not make us forget who we were.
    member = consumer.consumer_group_metadata()
    producer.begin_transaction()
    try:
        key = f"{options['name']}/{number}/{'never' if aborts else 'copied'}"
        failed = []
        for m in messages:
            producer.produce(options["to"], m.value(), key, m.partition(), on_delivery=lambda error, _: failed.append(error) if error else None)
        producer.flush()
        if failed:
            raise KafkaException(failed[0])
        dawdle()
        say("offering")
        ends = {(m.topic(), m.partition()): m.offset() + 1 for m in messages}
        persist(lambda: producer.send_offsets_to_transaction([TopicPartition(t, p, o) for (t, p), o in ends.items()], member, 60))
        dawdle()
        say("ending")
        if not aborts:
            persist(lambda: producer.commit_transaction(60))
            return say("committed")
        persist(lambda: producer.abort_transaction(60))
        say("aborted")
    except KafkaException as error:
        say("failed", error.args[0].name())
        if error.args[0].fatal():
            raise
        persist(lambda: producer.abort_transaction(60))
    again = persist(lambda: consumer.committed(consumer.assignment(), 60))
    for place in again:
        consumer.seek(TopicPartition(place.topic, place.partition, place.offset if place.offset >= 0 else 0))


def live():
    common = {"bootstrap.servers": options["bootstrap"], "client.id": options["name"]}
    consumer = Consumer(
        {
            **common,
            "group.id": options["group"],
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": options["sessionTimeoutMs"],
            "heartbeat.interval.ms": options["sessionTimeoutMs"] // 5,
        }
    )
    producer = Producer(
        {
            **common,
            "transactional.id": options["name"],
            # librdkafka 2.16 bootstraps anew when its only broker is gone, and waits for the one it has dropped when the broker is back at once.
            "metadata.recovery.strategy": "none",
            "linger.ms": 0,
            "transaction.timeout.ms": options["transactionTimeoutMs"],
            "message.timeout.ms": options["transactionTimeoutMs"],
        }
    )
    try:
        persist(lambda: producer.init_transactions(60))
        consumer.subscribe([options["from"]])
        while True:
            messages = [m for m in consumer.consume(200, 0.2) if m.error() is None]
            if messages:
                copy(consumer, producer, messages)
    finally:
        consumer.close()


while True:
    try:
        live()
    except KafkaException:
        pass  # fenced, or its seek came too late: everything anew
