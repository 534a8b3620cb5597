"""An old client: produces `count` messages to a topic, reads it back, commits, and prints what it saw as JSON.

usage: kafka-python.py BOOTSTRAP API_VERSION TOPIC CODEC COUNT GROUP(yes|no)
"""
import json
import sys

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

bootstrap, version, topic, codec, count, group = sys.argv[1:7]
version = tuple(int(part) for part in version.split("."))
count = int(count)

producer = KafkaProducer(
    bootstrap_servers=bootstrap, api_version=version, acks=1, linger_ms=20,
    compression_type=None if codec == "none" else codec,
)
sent = [producer.send(topic, key=b"k%d" % i, value=b"value %d" % i, partition=0) for i in range(count)]
offsets = [future.get(timeout=30).offset for future in sent]
producer.close()

options = dict(bootstrap_servers=bootstrap, api_version=version, auto_offset_reset="earliest", consumer_timeout_ms=8000)
if group == "yes":
    consumer = KafkaConsumer(topic, group_id="old-" + topic, enable_auto_commit=False, **options)
else:
    consumer = KafkaConsumer(group_id=None, **options)
    consumer.assign([TopicPartition(topic, 0)])
seen = []
for message in consumer:
    seen.append([message.offset, message.key.decode(), message.value.decode(), message.timestamp])
    if len(seen) == count:
        break
committed = None
if group == "yes":
    consumer.commit()
    committed = consumer.committed(TopicPartition(topic, 0))
consumer.close()
print(json.dumps({"offsets": offsets, "seen": seen, "committed": committed}))
