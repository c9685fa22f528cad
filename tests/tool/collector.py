# SPDX-License-Identifier: Apache-2.0
"""An OTLP/HTTP endpoint that answers as it is told."""

import contextlib
import gzip
import http.server
import socket
import struct
import threading

import messages


class Collector:
    def __init__(self, answers=(), context=None, port=0):
        """Each answer is a status, with headers and a body if it has more; "reset" cuts the connection; "slow" waits.
        When there are no more, all is accepted."""
        self.answers = list(answers)
        self.accepted = []  # requests
        self.seen = []      # path, headers, size of the body, and the answer of each
        self.released = threading.Event()
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                owner.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        answer = self.answers.pop(0) if self.answers else (200, {}, b"")
        self.seen.append((handler.path, dict(handler.headers), len(body), answer))
        if answer == "reset":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
            handler.close_connection = True
            return
        if answer == "slow":
            self.released.wait()
            handler.close_connection = True
            return
        status, headers, content = answer
        if status == 200:
            plain = gzip.decompress(body) if handler.headers["Content-Encoding"] == "gzip" else body
            self.accepted.append(messages.ExportMetricsServiceRequest.FromString(plain))
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    def points(self):
        """The values of all points that were accepted."""
        return [point.as_int for request in self.accepted for resource in request.resource_metrics
                for scope in resource.scope_metrics for metric in scope.metrics for point in metric.gauge.data_points]

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def collector(*answers, context=None):
    one = Collector(answers, context)
    try:
        yield one
    finally:
        one.close()
