# SPDX-License-Identifier: Apache-2.0
"""`otelue forward`, from recordings to a server that refuses; the tracepoint is in the kernel's tests."""

import os
import signal
import socket
import ssl
import subprocess

import messages
import pytest
from collector import collector
from command import GOLDEN, LOST, entry, header, payload, recording, request, run, start
from rows import rows

ENVIRONMENT = {name: value for name, value in os.environ.items()
               if not name.startswith("OTEL_") and not name.lower().endswith("_proxy")}
SAID = ("otelue: {} events received, {} lost; {} sent in {} requests, {} retries; dropped: {} for want of room, {} refused, "
        "{} undecodable, {} at the end; {} points rejected\n")
OK = (200, {}, b"")


def field(number, content):
    return messages.varint(number << 3 | 2) + messages.varint(len(content)) + content


def forward(*arguments, data, **environment):
    patience = [] if "--stop" in arguments else ["--stop", "600"]
    return run("forward", *arguments, *patience, "-", data=data, env={**ENVIRONMENT, **environment})


def events(count):
    return [payload(first=n) for n in range(count)]


def test_events_are_joined_compressed_and_sent_once():
    with collector() as server:
        done = forward("--to", server.url, data=recording(*events(1000)))
    assert done.status == 0 and done.error == SAID.format(1000, 0, 1000, 1, 0, 0, 0, 0, 0, 0)
    assert server.points() == list(range(1000))
    ((path, headers, size, _),) = server.seen
    assert path == "/v1/metrics" and size < 1000 * len(payload()) / 4
    assert headers["Content-Type"] == "application/x-protobuf" and headers["Content-Encoding"] == "gzip"
    assert headers["User-Agent"].startswith("otelue-forward/")


def test_requests_are_no_larger_than_they_may_be():
    with collector() as server:
        done = forward("--to", server.url, "--batch", "1", data=recording(*events(100)))
    assert done.status == 0 and server.points() == list(range(100))
    assert all(request.ByteSize() <= 1024 for request in server.accepted) and 2 <= len(server.accepted) <= 5


def test_every_kind_of_point_arrives_as_it_was():
    data = bytes.fromhex("".join((GOLDEN / "all_kinds.hex").read_text().split()))
    with collector() as server:
        assert forward("--to", server.url, data=recording(data)).status == 0
    assert rows(server.accepted[0]) == rows(messages.ExportMetricsServiceRequest.FromString(data))


@pytest.mark.parametrize("answer", [(429, {}, b""), (502, {}, b""), (503, {"Retry-After": "1"}, b"later"), (504, {}, b""),
                                    "reset"])
def test_what_may_be_tried_again_is_tried_again(answer):
    with collector(answer, OK) as server:
        done = forward("--to", server.url, data=recording(*events(3)))
    assert done.status == 0 and server.points() == [0, 1, 2] and len(server.seen) == 2
    first, second, last = done.error.splitlines(True)
    assert first.startswith("otelue: not accepted, it will be tried again: ")
    assert second == "otelue: the other end accepts again\n" and last == SAID.format(3, 0, 3, 1, 1, 0, 0, 0, 0, 0)


def test_the_timeout_is_that_of_the_environment():
    with collector("slow") as server:
        done = forward("--to", server.url, data=recording(*events(3)), OTEL_EXPORTER_OTLP_TIMEOUT="200")
    assert done.status == 0 and server.points() == [0, 1, 2] and "timed out" in done.error.lower()


@pytest.mark.parametrize("status", [400, 401, 404, 500, 301])
def test_what_is_refused_is_dropped_and_counted(status):
    with collector((status, {"Location": "/elsewhere"}, b"because\x1b[31m"), OK) as server:
        done = forward("--to", server.url, data=recording(*events(3)))
    assert done.status == 1 and len(server.seen) == 1
    assert done.error == (f"otelue: 3 events were refused and dropped: HTTP status {status}: \"because\\u001b[31m\"\n"
                          + SAID.format(3, 0, 0, 0, 0, 0, 3, 0, 0, 0))


def test_an_event_that_spoils_a_request_is_found():
    spoiled = payload(first=1).replace(b"\n\x01m", b"\n\x01\xff")
    with collector((400, {}, b"")) as server:
        done = forward("--to", server.url, data=recording(payload(), spoiled, payload(first=2)))
    assert done.status == 1 and server.points() == [0, 2]
    assert done.error.endswith(SAID.format(3, 0, 2, 1, 0, 0, 0, 1, 0, 0))


def test_an_event_that_would_swallow_others_is_never_sent():
    with collector() as server:
        done = forward("--to", server.url, data=recording(payload(), b"\x0a\x7f" + payload(), payload(first=2)) + entry(
            payload(), protocol=3))
    assert done.status == 1 and server.points() == [0, 2]
    assert done.error.endswith(SAID.format(4, 0, 2, 1, 0, 0, 0, 2, 0, 0))


def test_a_request_that_is_too_large_goes_in_parts():
    with collector((413, {}, b""), (413, {}, b"")) as server:
        done = forward("--to", server.url, data=recording(*events(8)))
    assert done.status == 0 and server.points() == list(range(8)) and len(server.accepted) == 3


def test_partial_success_is_said():
    answer = field(1, messages.varint(1 << 3) + messages.varint(2) + field(2, b"too old"))
    with collector((200, {}, answer), (200, {}, field(1, field(2, b"careful")))) as server:
        done = forward("--to", server.url, data=recording(*events(3)))
        warned = forward("--to", server.url, data=recording(*events(3)))
    assert done.status == 1 and len(server.seen) == 2
    assert done.error == 'otelue: 2 points were rejected: "too old"\n' + SAID.format(3, 0, 3, 1, 0, 0, 0, 0, 0, 2)
    assert warned.status == 0 and 'otelue: accepted with a warning: "careful"\n' in warned.error


def test_what_was_lost_before_is_counted():
    with collector() as server:
        done = forward("--to", server.url, data=header() + entry(payload()) + entry((7).to_bytes(8, "little"), kind=LOST))
    assert done.status == 1 and done.error == "otelue: lost 7 events\n" + SAID.format(1, 7, 1, 1, 0, 0, 0, 0, 0, 0)


def test_a_full_queue_drops_and_counts():
    large = [payload(name="m" * 200, first=n) for n in range(9000)]
    with collector((503, {}, b"")) as server:
        done = forward("--to", server.url, "--queue", "1", "--batch", "256", data=recording(*large))
        sent = len(server.points())
    dropped = 9000 - sent
    assert done.status == 1 and dropped > 0 and "the queue is full" in done.error
    assert f" {sent} sent in " in done.error and f"dropped: {dropped} for want of room" in done.error


def test_nothing_is_sent_twice_across_many_refusals():
    answers = [(503, {}, b""), OK, (429, {}, b""), "reset", OK, OK]
    with collector(*answers) as server:
        done = forward("--to", server.url, "--batch", "1", data=recording(*events(150)))
    assert done.status == 0 and server.points() == list(range(150))


def test_the_end_is_bounded():
    """Nobody listens at all."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        done = forward("--to", f"http://127.0.0.1:{nobody.getsockname()[1]}", "--stop", "1", data=recording(*events(3)))
    assert done.status == 1 and "0 undecodable, 3 at the end; " in done.error


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sends_what_there_is(number):
    with collector() as server:
        process = start("forward", "--to", server.url, "--flush", "3600000", "-", env=ENVIRONMENT)
        process.stdin.write(recording(*events(2)))
        process.stdin.write(entry(b"", protocol=9))  # whose complaint says that all before has been read
        assert process.stderr.readline().startswith(b"otelue: an event that cannot be forwarded")
        process.send_signal(number)
        assert process.wait() == 1
    assert server.points() == [0, 1]


def test_standard_variables():
    with collector() as server:
        def sent(**environment):
            done = forward(data=recording(payload()), **environment)
            assert done.status == 0, done.error
            return server.seen[-1]
        both = dict(OTEL_EXPORTER_OTLP_ENDPOINT=server.url + "/base/", OTEL_EXPORTER_OTLP_HEADERS="a=b%20c, x-d = e")
        path, headers, _, _ = sent(**both)
        assert (path, headers["a"], headers["x-d"]) == ("/base/v1/metrics", "b c", "e")
        path, headers, size, _ = sent(**both, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=server.url + "/own",
                                      OTEL_EXPORTER_OTLP_METRICS_HEADERS="f=g", OTEL_EXPORTER_OTLP_COMPRESSION="none")
        assert path == "/own" and headers["f"] == "g" and "a" not in headers and size == len(payload())
        assert "Content-Encoding" not in headers
    assert len(server.points()) == 2


@pytest.mark.parametrize("variables,why", [
    ({}, "where to?"), ({"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4317"}, "no URL that begins with"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http/protobuf alone"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}, "no number of milliseconds"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_COMPRESSION": "zstd"}, "gzip and none"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_HEADERS": "broken"}, "not NAME=VALUE")])
def test_mistakes_in_the_environment(variables, why):
    done = forward(data=recording(payload()), **variables)
    assert done.status == 2 and why in done.error


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate of its own for 127.0.0.1, and one for a client."""
    directory = tmp_path_factory.mktemp("tls")
    for name, more in ("ca", ["-addext", "subjectAltName=IP:127.0.0.1"]), ("client", []):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                        "2", "-subj", f"/CN={name}", "-keyout", directory / f"{name}.key", "-out", directory / f"{name}.pem",
                        *more], check=True, stderr=subprocess.DEVNULL)
    return directory


def test_tls(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "ca.pem", authority / "ca.key")
    context.load_verify_locations(authority / "client.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with collector(context=context) as server:
        trusted = dict(OTEL_EXPORTER_OTLP_CERTIFICATE=str(authority / "ca.pem"))
        client = dict(OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=str(authority / "client.pem"),
                      OTEL_EXPORTER_OTLP_CLIENT_KEY=str(authority / "client.key"))
        done = forward("--to", server.url, data=recording(payload()), **trusted, **client)
        assert done.status == 0 and server.points() == [0]
        for variables in trusted, client:
            done = forward("--to", server.url, "--stop", "1", data=recording(payload()), **variables)
            assert done.status == 1 and server.points() == [0]


def test_a_proxy_is_used():
    with collector() as proxy:
        done = forward("--to", "http://metrics.invalid", data=recording(payload()), http_proxy=proxy.url)
    assert done.status == 0 and proxy.seen[0][0] == "http://metrics.invalid/v1/metrics"


def attributes_of(resource):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in resource.attributes}


def test_the_process_is_named_and_its_claims_go():
    message = request()
    resource = message.resource_metrics[0].resource
    resource.attributes.add(key="service.name").value.string_value = "shop"
    resource.attributes.add(key="process.pid").value.int_value = 1
    resource.attributes.add(key="container.id").value.string_value = "claimed"
    message.resource_metrics.add().scope_metrics.add().metrics.add(name="bare").gauge.data_points.add(as_int=5)
    data = header() + entry(message.SerializeToString(), pid=os.getpid()) + entry(payload(first=9), pid=2**22 + 1)
    with collector() as server:
        assert forward("--to", server.url, "--process", data=data).status == 0
    (found,) = server.accepted
    executable = os.readlink("/proc/self/exe")
    verified = {"process.pid": os.getpid(), "process.executable.path": executable,
                "process.executable.name": os.path.basename(executable)}
    first, second, third = (attributes_of(one.resource) for one in found.resource_metrics)
    for attributes in first, second:
        attributes.pop("container.id", None)  # where the tests run in one
    assert first == {"service.name": "shop", **verified} and second == verified
    assert third == {"process.pid": 2**22 + 1}
    assert server.points() == [0, 5, 9] and rows(found)[0][1:] == rows(message)[0][1:]


def test_its_own_metrics():
    with collector() as server:
        assert forward("--to", server.url, "--own-metrics", data=recording(*events(3))).status == 0
    own = {metric.name: [point.as_int for point in metric.sum.data_points] for request in server.accepted
           for resource in request.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics
           if scope.scope.name == "otelue.forward"}
    assert own["otelue.forward.events.received"] == [3] and own["otelue.forward.events.lost"] == [0]
    assert own["otelue.forward.events.dropped"] == [0, 0, 0] and server.points() == [0, 1, 2]
