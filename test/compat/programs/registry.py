"""Avro values of confluent-kafka in the wire format of a schema registry.

    python registry.py BOOTSTRAP REGISTRY produce TOPIC SCHEMA VALUE...
    python registry.py BOOTSTRAP REGISTRY consume TOPIC COUNT

Values are JSON; SCHEMA is registered under TOPIC-value. What is consumed is printed as JSON, a line each, by offset.
"""
import json
import sys

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

bootstrap, url, command, topic = sys.argv[1:5]
registry = SchemaRegistryClient({"url": url})
context = SerializationContext(topic, MessageField.VALUE)

if command == "produce":
    serializer = AvroSerializer(registry, sys.argv[5])
    producer = Producer({"bootstrap.servers": bootstrap})
    for text in sys.argv[6:]:
        producer.produce(topic, key=b"k", value=serializer(json.loads(text), context), partition=0)
    sys.exit(1 if producer.flush(60) else 0)

deserializer = AvroDeserializer(registry)
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "registry.py", "enable.auto.commit": False, "isolation.level": "read_committed"})
consumer.assign([TopicPartition(topic, 0, 0)])
for _ in range(int(sys.argv[5])):
    message = None
    while message is None:
        message = consumer.poll(1)
    if message.error():
        raise RuntimeError(message.error())
    print(json.dumps(deserializer(message.value(), context), sort_keys=True), flush=True)
consumer.close()
