"""A sluice sink in Python, made from the proto file alone: it appends what it gets to a file, as JSON lines with
topic, partition and offset.

What any language has to do is here: check the cookie, serve the service sluice.v1.Sink on a unix socket, print one
handshake line, and end when the worker does. `build` beside this file makes a plugin of it.
"""

import json
import os
import queue
import select
import signal
import sys
import tempfile
import threading
import time
from concurrent import futures

import grpc

import sluice_pb2 as pb
import sluice_pb2_grpc as rpc

COOKIE = ("SLUICE_PLUGIN", "5b2f1de7-sluice-sink")
CORE_PROTOCOL, SLUICE_PROTOCOL = 1, 1
MAX_MESSAGE = 64 << 20
LIFELINE = 3  # a pipe that the worker holds open as long as it lives

NAME, VERSION = "python-jsonl", "0.1.0"
KEYS = [
    pb.ConfigKey(
        name="file", type="STRING", required=True, importance="HIGH", width="LONG", display_name="File",
        doc="File to append to.", group="File", order_in_group=1,
    ),
]


class Writer:
    """One open partition. Its batches are handled in their order by the task's one thread."""

    def __init__(self, opening):
        self.id, self.topic, self.partition = opening.id, opening.topic, opening.partition

    def lines(self, batch):
        at, arena = 0, batch.arena
        for i in range(batch.records):
            key_length = batch.key_lengths[i] if batch.key_lengths else -1
            key = arena[at:at + key_length] if key_length >= 0 else None
            at += max(key_length, 0)
            value_length = batch.value_lengths[i]
            value = arena[at:at + value_length] if value_length >= 0 else None
            at += max(value_length, 0)
            offset = batch.base_offset + (batch.offset_deltas[i] if batch.offset_deltas else i)
            yield json.dumps({
                "topic": self.topic, "partition": self.partition, "offset": offset,
                "key": None if key is None else key.decode("utf-8", "replace"),
                "value": None if value is None else value.decode("utf-8", "replace"),
            }) + "\n"

    def write(self, batch, out):
        out.write("".join(self.lines(batch)))
        out.flush()
        last = batch.offset_deltas[batch.records - 1] if batch.offset_deltas else batch.records - 1
        return batch.base_offset + last + 1


class Sink(rpc.SinkServicer):
    def __init__(self):
        self.tasks = {}

    def Describe(self, request, context):
        return pb.DescribeResponse(
            name=NAME, version=VERSION, summary="Appends records to a file as JSON lines.", config=KEYS,
            classes=[pb.Class(name="com.example.PythonJsonlSinkConnector", task="com.example.PythonJsonlSinkTask")],
            values=[pb.PAYLOAD_JSON, pb.PAYLOAD_STRING],
        )

    def Validate(self, request, context):
        values = []
        for key in KEYS:
            value = pb.ConfigValue(name=key.name, visible=True)
            if key.name in request.config:
                value.value = request.config[key.name]
            elif key.required:
                value.errors.append(f'Missing required configuration "{key.name}" which has no default value.')
            values.append(value)
        return pb.ValidateResponse(values=values)

    def StartTask(self, request, context):
        try:
            self.tasks[request.task] = open(request.config["file"], "a", encoding="utf-8")
        except OSError as e:
            return pb.StartTaskResponse(error=pb.Error(
                code=pb.CODE_RETRIABLE, operation="opening " + request.config["file"], message=str(e), offset=-1,
                hint="make the folder, or change the key file",
            ))
        return pb.StartTaskResponse()

    def Records(self, requests, context):
        """The task's stream. A reader thread handles messages, and what it has to say goes through a queue."""
        answers = queue.Queue()
        threading.Thread(target=self.read, args=(requests, answers), daemon=True).start()
        while (answer := answers.get()) is not None:
            yield answer

    def read(self, requests, answers):
        task, writers = None, {}
        say = lambda **message: answers.put(pb.FromPlugin(**message))
        try:
            for message in requests:
                kind = message.WhichOneof("message")
                if kind == "hello":
                    task = message.hello.task
                elif kind == "open":
                    writers[message.open.id] = Writer(message.open)
                    say(opened=pb.Opened(id=message.open.id, resume=-1))
                elif kind == "batch":
                    batch = message.batch
                    try:
                        end = writers[batch.id].write(batch, self.tasks[task])
                    except OSError as e:
                        say(failed=pb.Failed(id=batch.id, error=pb.Error(
                            code=pb.CODE_RETRIABLE, operation="writing", message=str(e), offset=batch.base_offset,
                            topic=writers[batch.id].topic, partition=writers[batch.id].partition, hint="look at the disk",
                        )))
                        return
                    say(taken=pb.Taken(id=batch.id, size=batch.size))
                    say(durable=pb.Durable(id=batch.id, next=end))
                elif kind == "close":
                    writers.pop(message.close.id, None)
                    say(closed=pb.Closed(id=message.close.id))
        except grpc.RpcError:
            pass  # the worker has ended the stream
        finally:
            answers.put(None)

    def Flush(self, request, context):
        out = self.tasks.get(request.task)
        if out:
            out.flush()
            os.fsync(out.fileno())
        return pb.FlushResponse()

    def StopTask(self, request, context):
        out = self.tasks.pop(request.task, None)
        if out:
            out.close()
        return pb.StopTaskResponse()


def end_with_the_worker():
    until = None  # of the lease: a worker that is paused gives no other, and then its tasks may be somebody else's
    lease = b""
    try:
        while until is None or time.monotonic() < until:
            ready, _, _ = select.select([LIFELINE], [], [], None if until is None else max(until - time.monotonic(), 0))
            if not ready:
                continue
            read = os.read(LIFELINE, 8 - len(lease))
            if not read:
                break
            lease += read
            if len(lease) == 8:
                left = int.from_bytes(lease, "big") / 1000 - time.time()
                until, lease = time.monotonic() + left, b""
    except OSError:
        return  # started by hand, or by a worker without a lifeline
    os._exit(0)


def main():
    if os.environ.get(COOKIE[0]) != COOKIE[1]:
        sys.exit("This is a plugin of sluice: put it into a folder of plugin.path, the worker starts it.")
    # The worker decides when a plugin ends; a signal to the whole group must not cut a flush.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_the_worker, daemon=True).start()

    folder = os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or tempfile.mkdtemp(prefix="sluice-python")
    path = os.path.join(folder, f"python-{os.getpid()}.sock")
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=64), options=[
        ("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE),
    ])
    rpc.add_SinkServicer_to_server(Sink(), server)
    server.add_insecure_port("unix:" + path)
    server.start()
    print(f"{CORE_PROTOCOL}|{SLUICE_PROTOCOL}|unix|{path}|grpc", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
