# SPDX-License-Identifier: Apache-2.0
"""Files as `perf record` writes them (tools/perf/Documentation/perf.data-file-format.txt)."""

import struct

ID, OTHER_ID = 1234, 99
IP, TID, TIME, CPU, PERIOD, RAW, IDENTIFIER = 1, 2, 4, 128, 256, 1024, 1 << 16
SAMPLE_TYPE = IP | TID | TIME | CPU | PERIOD | RAW | IDENTIFIER
LOST, SAMPLE, LOST_SAMPLES, HEADER_ATTR, HEADER_TRACING_DATA, COMPRESSED = 2, 9, 13, 64, 66, 81

FORMAT = f"""name: otlp_metrics
ID: {ID}
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;
\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

\tfield:u32 protocol;\toffset:8;\tsize:4;\tsigned:0;
\tfield:char[8] version;\toffset:12;\tsize:8;\tsigned:0;
\tfield:__rel_loc u8[] buffer;\toffset:20;\tsize:4;\tsigned:0;

print fmt: "protocol=%u version=%s buffer=%s", REC->protocol, REC->version, __get_rel_str(buffer)
"""


class File:
    def __init__(self, order):
        self.order = order

    def pack(self, how, *values):
        return struct.pack(self.order + how, *values)

    def record(self, kind, body):
        return self.pack("IHH", kind, 0, 8 + len(body)) + body

    def attr(self, tracepoint):
        fields = self.pack("IIQQQQQ", 2, 128, tracepoint, 1, SAMPLE_TYPE, 4, 1 << 18)
        return fields + bytes(128 - len(fields))

    def sample(self, content, number, time=0):
        raw = self.pack("HBBi", ID, 0, 0, 77) + self.pack("I8sI", 0, b"v0.19.00", len(content) << 16) + content
        raw += bytes(-(4 + len(raw)) % 8)
        return self.record(SAMPLE, self.pack("QQIIQIIQ", number, 0xffff, 77, 78, time, 1, 0, 1) + self.pack("I", len(raw)) + raw)

    def tracing_data(self):
        text = FORMAT.encode()
        return (b"\x17\x08\x44tracing0.6\0\0\x08" + self.pack("I", 4096) + b"header_page\0" + self.pack("Q", 0) +
                b"header_event\0" + self.pack("Q", 0) + self.pack("I", 0) + self.pack("I", 1) + b"user_events\0" +
                self.pack("IQ", 1, len(text)) + text + self.pack("IIQ", 0, 0, 0))

    def records(self, events, times, lost, others=0):
        out = b""
        for i, event in enumerate(events):
            for _ in range(others):
                out += self.record(SAMPLE, self.pack("QQIIQIIQI", 6, 0, 1, 1, 0, 0, 0, 1, 4) + b"none")
            out += self.sample(event, 5, times[i] if times else i)
        if lost:
            # What the kernel told on the way, and the sum that perf writes at the end.
            out += self.record(LOST, self.pack("QQ", 5, lost - 2)) + self.record(LOST_SAMPLES, self.pack("Q", lost))
        return out


def perf_file(events, order="<", times=None, lost=0, others=0, features=True, finished=True, compressed=False):
    file = File(order)
    records = file.records(events, times, lost, others)
    if compressed:
        records = file.record(COMPRESSED, b"\x28\xb5\x2f\xfd1234")
    attrs = [file.attr(ID)] + ([file.attr(OTHER_ID)] if others else [])
    ids_at = 104
    attrs_at = ids_at + 8 * len(attrs)
    data_at = attrs_at + 144 * len(attrs)
    out = (b"PERFILE2" if order == "<" else b"2ELIFREP") + file.pack(
        "QQQQQQQQ", 104, 144, attrs_at, 144 * len(attrs), data_at, len(records) if finished else 0, 0, 0)
    out += file.pack("QQQQ", 2 if features and finished else 0, 0, 0, 0)
    out += b"".join(file.pack("Q", 5 + i) for i in range(len(attrs)))
    for i, attr in enumerate(attrs):
        out += attr + file.pack("QQ", ids_at + 8 * i, 8)
    out += records
    if features and finished:
        out += file.pack("QQ", len(out) + 16, len(file.tracing_data())) + file.tracing_data()
    return out


def perf_pipe(events, order="<"):
    file = File(order)
    tracing = file.tracing_data()
    tracing += bytes(-len(tracing) % 8)
    return ((b"PERFILE2" if order == "<" else b"2ELIFREP") + file.pack("Q", 16) +
            file.record(HEADER_ATTR, file.attr(ID) + file.pack("Q", 5)) +
            file.record(HEADER_TRACING_DATA, file.pack("I", len(tracing))) + tracing + file.records(events, None, 0))
