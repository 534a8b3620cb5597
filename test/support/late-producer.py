"""Transactions of numbered records with librdkafka, for tests: python late-producer.py <bootstrap> <topic> <partitions> <id> <transactions> <request timeout ms> <seed>

Prints what becomes of each, before and after: `open p/0`, `ending p/0`, `committed p/0`, `aborted p/0`. Its records are p/0/0, p/0/1, one in each
partition, and the position of group p is the number of the transaction plus one.
"""
import random
import sys

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from confluent_retry import persist

bootstrap, topic, partitions, name, count, timeout_ms, seed = sys.argv[1:8]
partitions, count, timeout_ms = int(partitions), int(count), int(timeout_ms)
draw = random.Random(int(seed))
group = Consumer({"bootstrap.servers": bootstrap, "group.id": name, "enable.auto.commit": False}).consumer_group_metadata()


def say(*words):
    print(*words, flush=True)


def make():
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "client.id": name,
            "transactional.id": name,
            "linger.ms": 0,
            "socket.timeout.ms": timeout_ms,
            "request.timeout.ms": timeout_ms,
            "message.timeout.ms": timeout_ms * 10,
            "transaction.timeout.ms": 60000,
            "retry.backoff.ms": 20,
            "reconnect.backoff.ms": 10,
            "reconnect.backoff.max.ms": 100,
        }
    )
    persist(lambda: producer.init_transactions(30))
    return producer


def transact(producer, number):
    label = f"{name}/{number}"
    commits = draw.random() < 0.6
    say("open", label)
    producer.begin_transaction()
    ending = False
    try:
        failed = []
        for partition in range(partitions):
            producer.produce(topic, f"{label}/{partition}", partition=partition, on_delivery=lambda error, _: failed.append(error) if error else None)
            producer.flush()
        if failed:
            raise KafkaException(failed[0])
        persist(lambda: producer.send_offsets_to_transaction([TopicPartition(topic, 0, number + 1)], group, 30))
        if commits:
            ending = True
            say("ending", label)
            persist(lambda: producer.commit_transaction(30))
            say("committed", label)
            return
    except KafkaException as error:
        if error.args[0].fatal():
            raise
    persist(lambda: producer.abort_transaction(30))
    # A commit whose answer is not known was decided before, if at all.
    if not ending:
        say("aborted", label)


number = 0
while number < count:
    producer = make()
    try:
        while number < count:
            number += 1
            transact(producer, number - 1)
    except KafkaException as error:
        say("renewed", error.args[0].name())
    del producer
