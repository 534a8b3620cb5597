"""What the programs on confluent-kafka beside this file have in common."""
from confluent_kafka import KafkaException


def persist(call):
    """As often as it may be tried again."""
    while True:
        try:
            return call()
        except KafkaException as error:
            if not error.args[0].retriable():
                raise
