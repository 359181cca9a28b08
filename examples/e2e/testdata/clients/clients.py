"""Drives a worker with Python clients of Kafka Connect: kafka-connect-api, kafkaconnect, kafka-connect-healthcheck.

    clients.py URL FOLDER
"""
import json
import sys
import time

from kafka_connect_api.errors import GenericNotFound
from kafka_connect_api.kafka_connect_api import Api, Cluster
from kafka_connect_healthcheck.health import Health
from kafkaconnect.connect import Connect

url, folder = sys.argv[1:]
SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"


def config(name, **more):
    return {"name": name, "connector.class": SINK, "topics": "clicks", "file": f"{folder}/{name}.txt", "tasks.max": "2", **more}


def until(what, check):
    for _ in range(600):
        try:
            if check():
                return
            last = ""
        except (GenericNotFound, json.JSONDecodeError) as e:  # a connector or task whose status is not written yet
            last = e
        time.sleep(0.1)
    raise AssertionError(f"waited for {what} {last}")


def kafkaconnect():
    c = Connect(url)
    assert SINK in [p["class"] for p in json.loads(c.plugins())]
    assert json.loads(c.validate("FileStreamSink", json.dumps(config("kc"))))["error_count"] == 0
    assert json.loads(c.create_or_update("kc", json.dumps(config("kc"))))["name"] == "kc"
    until("kc to run", lambda: [t["state"] for t in json.loads(c.status("kc"))["tasks"]] == ["RUNNING"] * 2)
    assert json.loads(c.config("kc"))["tasks.max"] == "2"
    assert len(json.loads(c.tasks("kc"))) == 2
    assert "kc" in json.loads(c.topics("kc"))
    assert json.loads(c.info("kc"))["type"] == "sink"
    for change in c.restart, c.pause, c.resume:
        change("kc")
    assert c.status("none").endswith("not found.")
    c.remove("kc")
    assert "kc" not in json.loads(c.list())


def kafka_connect_api():
    cluster = Cluster(Api(url=url))
    assert cluster.version and cluster.kafka_cluster
    cluster.api.post("/connectors", json={"name": "ka", "config": config("ka")})
    ka = cluster.connectors["ka"]
    until("ka to run", lambda: len(ka.tasks) == 2 and all(t.is_running() for t in ka.tasks))
    assert ka.exists() and ka.state == "RUNNING" and ka.connector_class == SINK
    ka.config = {**ka.config, "tasks.max": "1"}
    until("ka to have one task", lambda: len(ka.tasks) == 1)
    ka.cycle_connector()
    ka.restart()
    until("ka to run again", lambda: len(ka.tasks) == 1 and ka.tasks[0].is_running())
    before = cluster.root_logger["level"]
    cluster.root_logger = "WARN"
    assert cluster.root_logger["level"] == "WARN"
    cluster.root_logger = before
    ka.delete()
    assert "ka" not in cluster.connectors


def healthcheck():
    cluster = Cluster(Api(url=url))
    cluster.api.post("/connectors", json={"name": "good", "config": config("good")})
    cluster.api.post("/connectors", json={"name": "bad", "config": config("bad", file=folder + "/none/bad.txt")})
    worker = lambda: cluster.connectors["good"].status["connector"]["worker_id"]
    until("a worker", lambda: cluster.api.get_raw("/connectors/good/status").status_code == 200 and worker())
    health = lambda: Health(url, worker(), ["FAILED"], None, 0, ["CONNECTOR", "TASK"]).get_health_result()
    until("the failure to be found", lambda: not health()["healthy"] and {f["connector"] for f in health()["failures"]} == {"bad"})
    cluster.connectors["bad"].delete()
    until("health", lambda: health()["healthy"])
    cluster.connectors["good"].delete()


for client in kafkaconnect, kafka_connect_api, healthcheck:
    client()
    print(client.__name__, "is through")
