"""Reads files of the HDFS sink, independently of it, and prints a JSON document for each record, in order.

    read.py [--schema] [--names] FILE...

What a file is, its name says: .avro, .parquet, .json, .txt or .bin, the last three with .gz, .zst, .snappy or .deflate
behind perhaps. Bytes are printed in base64, decimals as texts, dates as days, times and timestamps as milliseconds, NaN and
infinities as texts. --schema prints the schema of each file before its records, --names
its name before that. Needs fastavro, pyarrow, cramjam and backports.zstd.
"""
import base64, datetime, decimal, gzip, json, math, struct, sys, zlib

import cramjam, fastavro, pyarrow as pa, pyarrow.parquet as pq

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def plain(v):
    if isinstance(v, (bytes, bytearray)):
        return base64.b64encode(v).decode()
    if isinstance(v, decimal.Decimal):
        return format(v, "f")
    if isinstance(v, datetime.datetime):
        if v.tzinfo is None:
            v = v.replace(tzinfo=datetime.timezone.utc)
        return (v - EPOCH) // datetime.timedelta(milliseconds=1)
    if isinstance(v, datetime.date):
        return (v - EPOCH.date()).days
    if isinstance(v, datetime.time):
        return ((v.hour * 60 + v.minute) * 60 + v.second) * 1000 + v.microsecond // 1000
    if isinstance(v, float) and not math.isfinite(v):
        return "NaN" if math.isnan(v) else "Infinity" if v > 0 else "-Infinity"
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    return v


def hadoop_snappy(data):
    out = bytearray()
    while data:
        want, n = struct.unpack(">II", data[:8])
        block = bytes(cramjam.snappy.decompress_raw(data[8:8 + n]))
        assert len(block) == want, "a block has another length than it says"
        out, data = out + block, data[8 + n:]
    return bytes(out)


def streams(data):
    out = bytearray()
    while data:
        d = zlib.decompressobj()
        out += d.decompress(data) + d.flush()
        assert d.eof, "the last stream has no end"
        data = d.unused_data
    return bytes(out)


UNPACK = {
    ".gz": gzip.decompress,
    ".zst": lambda d: bytes(cramjam.zstd.decompress(d)),
    ".deflate": streams,
    ".snappy": hadoop_snappy,
}


def records(name, schema):
    if name.endswith(".avro"):
        with open(name, "rb") as f:
            r = fastavro.reader(f)
            if schema:
                yield r.writer_schema
            yield from r
        return
    if name.endswith(".parquet"):
        with pq.ParquetFile(name) as f:
            if schema:
                yield str(f.schema_arrow.remove_metadata())
            columns = [f.schema.column(i) for i in range(len(f.schema))]
            enums = [c.path for c in columns if c.logical_type.type == "ENUM"]  # which Arrow takes for bytes
            for batch in f.iter_batches():
                for r in batch.to_pylist(maps_as_pydicts="strict"):
                    yield {k: v.decode() if k in enums and v is not None else v for k, v in r.items()}
        return
    with open(name, "rb") as f:
        data = f.read()
    for ext, unpack in UNPACK.items():
        if name.endswith(ext):
            name, data = name[:-len(ext)], unpack(data)
    assert not data or data.endswith(b"\n"), "the last line has no end"
    for line in data.split(b"\n")[:-1]:
        yield json.loads(line) if name.endswith(".json") else line.decode() if name.endswith(".txt") else line


if __name__ == "__main__":
    for name in (a for a in sys.argv[1:] if not a.startswith("--")):
        if "--names" in sys.argv:
            print(json.dumps(name))
        for r in records(name, "--schema" in sys.argv):
            print(json.dumps(plain(r), ensure_ascii=False))
