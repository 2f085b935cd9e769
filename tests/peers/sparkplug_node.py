"""A Sparkplug B edge node on pysparkplug, with one device, for a driver that its authors never saw.

Usage: sparkplug_node.py PORT. It gives birth when it connects and whenever it is told to (NCMD "Node Control/Rebirth"), sends data by
alias alone, and does what it is told on the topic `control`: `data PRESSURE DRIFT`, `death`, `birth`.
"""

import sys
import threading

from paho.mqtt import client as paho
from pysparkplug import (
    Client,
    DataType,
    DBirth,
    DData,
    DDeath,
    Message,
    MessageType,
    Metric,
    NBirth,
    NDeath,
    QoS,
    Topic,
    get_current_timestamp,
)

GROUP, NODE, DEVICE = "plant", "pumps", "set-1"
BIRTH_COUNT = Metric(timestamp=get_current_timestamp(), name="bdSeq", datatype=DataType.INT64, value=7)
TYPES = {
    1: ("Node/Temperature", DataType.FLOAT),
    10: ("Outlet/Pressure", DataType.DOUBLE),
    11: ("Running", DataType.BOOLEAN),
    12: ("Drift", DataType.INT32),
    13: ("State", DataType.STRING),
    14: ("Level", DataType.UINT16),
}


def metric(alias: int, value: object, named: bool) -> Metric:
    name, datatype = TYPES[alias]
    return Metric(
        timestamp=get_current_timestamp(), name=name if named else None, datatype=datatype, value=value, alias=alias
    )


class Node:
    def __init__(self, port: int) -> None:
        self.sequence = 0
        # A rebirth comes on one thread and what the test tells on another.
        self.lock = threading.RLock()
        self.client = Client(client_id="edge-node")
        self.client.set_will(self.message(MessageType.NDEATH, NDeath(get_current_timestamp(), BIRTH_COUNT), None))
        command = Topic(message_type=MessageType.NCMD, group_id=GROUP, edge_node_id=NODE)
        self.client.subscribe(command, QoS.AT_LEAST_ONCE, self.told)
        self.client.connect("127.0.0.1", port=port, callback=lambda _: self.births("connected"))

    def message(self, kind: MessageType, payload: object, device: str | None) -> Message:
        topic = Topic(message_type=kind, group_id=GROUP, edge_node_id=NODE, device_id=device)
        return Message(topic=topic, payload=payload, qos=QoS.AT_MOST_ONCE, retain=False)

    def next(self) -> int:
        sequence, self.sequence = self.sequence, (self.sequence + 1) % 256
        return sequence

    def births(self, why: str) -> None:
        with self.lock:
            self.sequence = 0
            metrics = (BIRTH_COUNT, metric(1, 21.5, True))
            birth = NBirth(timestamp=get_current_timestamp(), seq=self.next(), metrics=metrics)
            self.client.publish(self.message(MessageType.NBIRTH, birth, None), include_dtypes=True)
            self.device_birth()
            print(f"births: {why}", flush=True)

    def device_birth(self) -> None:
        values = {10: 0.31, 11: True, 12: -2, 13: "运行", 14: 56}
        metrics = tuple(metric(alias, value, True) for alias, value in values.items())
        birth = DBirth(timestamp=get_current_timestamp(), seq=self.next(), metrics=metrics)
        self.client.publish(self.message(MessageType.DBIRTH, birth, DEVICE), include_dtypes=True)

    def told(self, _client: Client, message: Message) -> None:
        for given in message.payload.metrics:
            if given.name == "Node Control/Rebirth" and given.value is True:
                self.births("asked for")

    def control(self, words: list[str]) -> None:
        with self.lock:
            match words:
                case ["data", pressure, drift]:
                    metrics = (metric(10, float(pressure), False), metric(12, int(drift), False))
                    data = DData(timestamp=get_current_timestamp(), seq=self.next(), metrics=metrics)
                    self.client.publish(self.message(MessageType.DDATA, data, DEVICE))
                case ["death"]:
                    death = DDeath(timestamp=get_current_timestamp(), seq=self.next())
                    self.client.publish(self.message(MessageType.DDEATH, death, DEVICE))
                case ["birth"]:
                    self.device_birth()


def main(port: int) -> None:
    node = Node(port)
    control = paho.Client(client_id="edge-node-control")
    control.on_message = lambda _client, _data, message: node.control(message.payload.decode().split())
    control.on_connect = lambda client, *_: client.subscribe("control", 1)
    control.connect("127.0.0.1", port)
    control.loop_forever()


main(int(sys.argv[1]))
