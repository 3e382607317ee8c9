#!/usr/bin/env python3
"""Writes the same rows with every maker of Parquet files at hand, and beside each file what must be read of it.

Run in this folder with Python 3.11, Java 17 and Go 1.26:
    python3 -m venv venv && venv/bin/pip install pyarrow==26.0.1 duckdb==2.0.0 polars==2.1.0 fastparquet==2026.9.0 pandas==3.1.1 cramjam==2.14.0 pyspark==4.3.0
    venv/bin/python write.py
Spark 4.3.0 brings its own parquet-mr; go.mod pins the libraries of write.go, which write.py runs.

NAME.golden is a line of column:type, then a line for each row of the columns that can be read, as ../write.py has it. The
values come from ROWS here, which the makers were given, and from no reader.
"""
import datetime as dt, decimal, glob, hashlib, os, shutil, struct, subprocess, tempfile, uuid

D = decimal.Decimal
decimal.getcontext().prec = 60
HERE = os.path.dirname(os.path.abspath(__file__))
os.chdir(HERE)
EPOCH = dt.datetime(1970, 1, 1)
UTC = dt.timezone.utc

# What every maker is given: column -> (type as read, values). Instants are microseconds, dates days.
ROWS = {
    "i8": ("int64", [0, 127, -128, None, 5, 6, 7]),
    "i16": ("int64", [0, 32767, -32768, None, 5, 6, 7]),
    "i32": ("int64", [0, 2**31 - 1, -2**31, None, 5, 5, 5]),
    "i64": ("int64", [0, 2**63 - 1, -2**63, None, 1_000_000_007, 5, 5]),
    "f32": ("double", [0.0, 1.5, -0.25, None, float("nan"), float("inf"), -float("inf")]),
    "f64": ("double", [-0.0, 0.1, 5e-324, None, float("nan"), 1.7976931348623157e308, 0.1]),
    "s": ("string", ["", "a", "é日本", None, "long " * 12, "a", "a\nb"]),
    "b": ("bytes", [b"", b"\x00\xff", b"\x80", None, b"abc", b"abc", b"\x7f"]),
    "ok": ("bool", [True, False, True, None, True, True, False]),
    "day": ("date", [0, -1, 20454, None, -719162, 2932896, 20454]),
    "t": ("timestamp", [0, -1, 1_767_225_600_123_456, None, -62_135_596_800_000_000, 253_402_300_799_999_999, 1]),
    "local": ("timestamp", [0, -1, 1_767_225_600_123_456, None, -62_135_596_800_000_000, 253_402_300_799_999_999, 1]),
    "d9": ("decimal(9,2)", [D("0.00"), D("9999999.99"), D("-9999999.99"), None, D("-0.01"), D("1.28"), D("-1.28")]),
    "d18": ("decimal(18,4)", [D("0.0000"), D("99999999999999.9999"), D("-99999999999999.9999"), None, D("-0.0001"), D("1"), D("-1")]),
    "d38": ("decimal(38,10)", [D(0), D("9999999999999999999999999999.9999999999"), D("-9999999999999999999999999999.9999999999"), None, D("-1E-10"), D(1), D(-1)]),
}
# A struct that is missing as a whole, with parts that are, and with all of them.
PAYLOAD = [{"amount": 1.5, "note": "x", "inner": {"n": 1}}, {"amount": None, "note": "", "inner": {"n": None}}, {"amount": 0.1, "note": None, "inner": None}, None,
           {"amount": -2.0, "note": "x", "inner": {"n": 2**40}}, {"amount": 1.5, "note": "y", "inner": {"n": 1}}, {"amount": 1.5, "note": "x", "inner": {"n": 1}}]
TAGS = [["a", "b"], [], None, [None], ["a"], ["c"], ["a", "a", "a"]]
ATTRS = [{"k": 1}, {}, None, {"k": None, "m": 2}, {"k": 3}, {"k": 4}, {"z": 5}]
N = len(PAYLOAD)


def part(path):
    """The values of a leaf of PAYLOAD."""
    values = []
    for v in PAYLOAD:
        for name in path.split("."):
            v = None if v is None else v[name]
        values.append(v)
    return values


LEAVES = {"payload.amount": ("double", part("amount")), "payload.note": ("string", part("note")), "payload.inner.n": ("int64", part("inner.n"))}
NESTED = {"payload": ("unknown", None), "tags": ("unknown", None), "attrs": ("unknown", None)}


def text(kind, v):
    if v is None:
        return "\\N"
    if kind == "double":
        v = float(v)
        return "7ff8000000000001" if v != v else "%016x" % struct.unpack("<Q", struct.pack("<d", v))[0]
    if kind == "bytes":
        return v.hex()
    if kind == "bool":
        return "1" if v else "0"
    if kind.startswith("decimal"):
        return format(v.quantize(D(1).scaleb(-int(kind.rstrip(")").split(",")[1]))), "f")
    return str(v).replace("\n", "\\n")


def golden(name, columns, long=False):
    """columns: name -> (type, values), in the order of the file; leaves of structs last."""
    read = {n: c for n, c in columns.items() if c[0] != "unknown"}
    lines = ["\t".join(f"{n}:{k}" for n, (k, _) in columns.items())]
    for row in zip(*[v for _, v in read.values()]):
        lines.append("\t".join(text(k, v) for (k, _), v in zip(read.values(), row)))
    body = "\n".join(lines) + "\n"
    if long:
        body = lines[0] + "\nsha256 %s of %d rows\n" % (hashlib.sha256(body.encode()).hexdigest(), len(lines) - 1)
    with open(name + ".golden", "w") as f:
        f.write(body)


def all_columns(leaves=LEAVES, **other):
    return {**ROWS, **NESTED, **other, **leaves}


def clean():
    for pattern in ("*.parquet", "*.golden", "*.orc", "*.crc"):
        for n in glob.glob(pattern):
            shutil.rmtree(n) if os.path.isdir(n) else os.remove(n)


def arrow_table():
    import pyarrow as pa
    types = {"i8": pa.int8(), "i16": pa.int16(), "i32": pa.int32(), "i64": pa.int64(), "f32": pa.float32(), "f64": pa.float64(), "s": pa.string(), "b": pa.binary(), "ok": pa.bool_(),
             "day": pa.date32(), "t": pa.timestamp("us", "UTC"), "local": pa.timestamp("us"), "d9": pa.decimal128(9, 2), "d18": pa.decimal128(18, 4), "d38": pa.decimal128(38, 10)}
    as_is = {"day": pa.int32(), "t": pa.int64(), "local": pa.int64()}
    columns = {}
    for n, (_, v) in ROWS.items():
        columns[n] = pa.array(v, as_is[n]).view(types[n]) if n in as_is else pa.array(v, types[n])
    columns["payload"] = pa.array(PAYLOAD, pa.struct([("amount", pa.float64()), ("note", pa.string()), ("inner", pa.struct([("n", pa.int64())]))]))
    columns["tags"] = pa.array(TAGS, pa.list_(pa.string()))
    columns["attrs"] = pa.array([None if v is None else list(v.items()) for v in ATTRS], pa.map_(pa.string(), pa.int32()))
    return pa.table(columns)


def from_go():
    """write.go is handed the rows as an Arrow file."""
    import pyarrow as pa, pyarrow.ipc as ipc
    with tempfile.TemporaryDirectory() as folder:
        for name, table in (("rows", arrow_table()), ("bounds", bounds_table())):
            with ipc.new_file(f"{folder}/{name}.arrow", table.schema) as w:
                w.write_table(table)
        subprocess.run(["go", "run", ".", folder + "/rows.arrow", folder + "/bounds.arrow"], check=True)
    for name in ("arrowgo_bounds", "parquetgo_bounds"):
        golden(name, BOUNDS)
    for name in ("arrowgo", "arrowgo_v2", "arrowgo_deltas", "arrowgo_split", "parquetgo", "parquetgo_v1", "parquetgo_deltas"):
        golden(name, all_columns())
    golden("arrowgo_byte_array_decimals", {n: ROWS[n] for n in ("d9", "d18", "d38")})


def from_pyarrow():
    import pyarrow as pa, pyarrow.parquet as pq
    table = arrow_table()
    for name, options in {
        "pyarrow_checksums": dict(write_page_checksum=True, row_group_size=3),
        "pyarrow_checksums_v2": dict(write_page_checksum=True, data_page_version="2.0", compression="zstd", write_page_index=True),
        "pyarrow_checksums_plain": dict(write_page_checksum=True, use_dictionary=False, compression="none", write_page_index=True),
        "pyarrow_rows_alone": dict(row_group_size=1, compression="none"),
    }.items():
        pq.write_table(table, name + ".parquet", **options)
        golden(name, all_columns())
    # Kinds that others have not: times of day, unsigned and half numbers, texts with a meaning.
    ids = [uuid.UUID(int=0x0123456789ABCDEF0123456789ABCDEF), None, uuid.UUID(int=2**128 - 1)]
    clock_us = [0, None, 86_399_999_999]
    columns = {
        "time_ms": (pa.array([0, None, 86_399_999], pa.int32()).view(pa.time32("ms")), "int64", [0, None, 86_399_999_000]),
        "time_us": (pa.array(clock_us, pa.int64()).view(pa.time64("us")), "int64", clock_us),
        "time_ns": (pa.array([1, None, 86_399_999_999_999], pa.int64()).view(pa.time64("ns")), "int64", [0, None, 86_399_999_999]),
        "id": (pa.array([None if u is None else u.bytes for u in ids], pa.uuid()), "string", [None if u is None else str(u) for u in ids]),
        "doc": (pa.array(['{"a": 1}', None, "[]"], pa.json_()), "string", ['{"a": 1}', None, "[]"]),
        "u8": (pa.array([255, None, 0], pa.uint8()), "int64", [255, None, 0]),
        "u16": (pa.array([65535, None, 0], pa.uint16()), "int64", [65535, None, 0]),
        "u32": (pa.array([2**32 - 1, None, 0], pa.uint32()), "int64", [2**32 - 1, None, 0]),
        "u64": (pa.array([2**64 - 1, None, 2**63 - 1], pa.uint64()), "int64", [None, None, 2**63 - 1]),
        "half": (pa.array([1.5, None, -0.0], pa.float32()).cast(pa.float16()), "double", [1.5, None, -0.0]),
        "t_ms": (pa.array([-1, None, 1_767_225_600_123], pa.int64()).view(pa.timestamp("ms")), "timestamp", [-1000, None, 1_767_225_600_123_000]),
        "t_ns": (pa.array([-1, None, 1_767_225_600_123_456_789], pa.int64()).view(pa.timestamp("ns", "Asia/Tokyo")), "timestamp", [-1, None, 1_767_225_600_123_456]),
        "elapsed": (pa.array([1, None, -1], pa.int64()).view(pa.duration("us")), "int64", [1, None, -1]),
        "view": (pa.array(["a", None, "a text of more than twelve bytes"], pa.string_view()), "string", ["a", None, "a text of more than twelve bytes"]),
    }
    kinds = pa.table({n: a for n, (a, _, _) in columns.items()})
    for name, options in {"pyarrow_kinds": {}, "pyarrow_kinds_plain": dict(use_dictionary=False, data_page_version="2.0")}.items():
        pq.write_table(kinds, name + ".parquet", write_page_checksum=True, store_schema=True, **options)
        golden(name, {n: (k, v) for n, (_, k, v) in columns.items()})
    # Required parts below optional structs, and optional ones below required.
    inner = pa.struct([pa.field("need", pa.int64(), nullable=False), pa.field("may", pa.int64())])
    rows = [{"need": 1, "may": None}, {"need": 2, "may": 3}, None, {"need": 4, "may": 5}]
    full = [r or {"need": 0, "may": 0} for r in rows]
    schema = pa.schema([pa.field("may", inner), pa.field("need", inner, nullable=False), pa.field("deep", pa.struct([pa.field("a.b", pa.struct([pa.field("c", inner)]))]))])
    nested = pa.table([pa.array(rows, inner), pa.array(full, inner), pa.array([{"a.b": {"c": r}} for r in rows], schema.field("deep").type)], schema=schema)
    for v in ("1.0", "2.0"):
        name = "pyarrow_nested_v" + v[0]
        pq.write_table(nested, name + ".parquet", data_page_version=v, write_page_checksum=True)
        get = lambda rows, k: ("int64", [None if r is None else r[k] for r in rows])
        golden(name, {"may": ("unknown", None), "need": ("unknown", None), "deep": ("unknown", None), "may.need": get(rows, "need"), "may.may": get(rows, "may"),
                      "need.need": get(full, "need"), "need.may": get(full, "may"), "deep.a.b.c.need": get(rows, "need"), "deep.a.b.c.may": get(rows, "may")})
    # Texts whose least and greatest are cut, and columns without statistics.
    long = {"s": ("string", ["a" * 60, "\u00ff" * 40, None]), "x": ("double", [float("nan"), -0.0, 0.0])}
    pq.write_table(pa.table({n: v for n, (_, v) in long.items()}), "pyarrow_silent.parquet", write_statistics=False)
    golden("pyarrow_silent", long)
    # Sorted by a column, with key-value metadata of a user's.
    table = pa.table({"n": list(range(40)), "s": [f"k{i:02}" for i in range(40)]}).replace_schema_metadata({"owner": "team \u00e9", "empty": ""})
    options = dict(sorting_columns=[pq.SortingColumn(0)], write_page_index=True, row_group_size=15)
    try:
        pq.write_table(table, "pyarrow_sorted.parquet", bloom_filter_options={"s": True}, **options)
    except TypeError:
        pq.write_table(table, "pyarrow_sorted.parquet", **options)
    golden("pyarrow_sorted", {"n": ("int64", list(range(40))), "s": ("string", [f"k{i:02}" for i in range(40)])})
    pq.write_table(bounds_table(), "pyarrow_bounds.parquet", write_page_index=True)
    golden("pyarrow_bounds", BOUNDS)
    import pyarrow.orc as orc
    orc.write_table(pa.table({"n": [1, 2]}), "pyarrow.orc")


# Bounds that writers cut short, order in other ways or leave out: long texts, bytes above which there are none,
# NaN among numbers and alone, both zeros, and numbers either side of zero in every kind of decimal.
BOUNDS = {
    "s": ("string", ["a" * 300, "\u00e9" * 200, "\U0010ffff" * 100, None, "b" * 5000]),
    "b": ("bytes", [b"\xff" * 300, b"\xff" * 300 + b"\x00", b"\x7f" * 100, None, b"\x80" * 5000]),
    "x": ("double", [float("nan"), -1.5, 2.5, None, float("nan")]),
    "nan": ("double", [float("nan"), None, float("nan"), None, float("nan")]),
    "zero": ("double", [0.0, -0.0, None, 0.0, -0.0]),
    "high": ("int64", [2**31, 2**32 - 1, 0, None, 1]),
    "signs": ("decimal(9,2)", [D("1.00"), D("-1.00"), D("0.00"), None, D("-0.01")]),
    "wide": ("decimal(30,2)", [D("1.00"), D("-1.00"), D("0.00"), None, D("-0.01")]),
}


def bounds_table():
    import pyarrow as pa
    types = {"s": pa.string(), "b": pa.binary(), "x": pa.float64(), "nan": pa.float64(), "zero": pa.float64(), "high": pa.uint32(), "signs": pa.decimal128(9, 2), "wide": pa.decimal128(30, 2)}
    return pa.table({n: pa.array(v, types[n]) for n, (_, v) in BOUNDS.items()})


def from_duckdb():
    import duckdb
    db = duckdb.connect()
    db.execute("set timezone = 'UTC'")
    db.register("given", arrow_table())
    for name, options in {
        "duckdb": "", "duckdb_v2": "parquet_version v2", "duckdb_gzip": "compression gzip", "duckdb_brotli": "compression brotli", "duckdb_lz4": "compression lz4_raw",
        "duckdb_bloom": "row_group_size 2048, write_bloom_filter true, compression zstd", "duckdb_plain": "compression uncompressed, dictionary_size_limit 0",
    }.items():
        db.execute(f"copy given to '{name}.parquet' (format parquet{', ' if options else ''}{options})")
        golden(name, all_columns())
    clock = [0, None, 45_296_123_456]
    columns = {
        "clock": ("int64", clock), "id": ("string", ["00000000-0000-0000-8000-000000000001", None, "ffffffff-ffff-ffff-ffff-ffffffffffff"]), "mood": ("string", ["sad", None, "glad"]),
        "doc": ("string", ['{"a":1}', None, "[]"]), "ub": ("int64", [2**63 - 1, None, None]), "us": ("int64", [65535, None, 0]), "ut": ("int64", [255, None, 0]),
        "huge": ("double", [float(2**100), None, -1.0]), "sec": ("timestamp", [1_000_000, None, -1_000_000]), "nano": ("timestamp", [-1, None, 1]), "span": ("unknown", None),
    }
    for v in ("v1", "v2"):
        db.execute(f"""copy (select * from (values
            (time '00:00:00', '00000000-0000-0000-8000-000000000001'::uuid, 'sad'::enum('sad', 'glad'), '{{"a":1}}'::json, 9223372036854775807::ubigint, 65535::usmallint, 255::utinyint, 1267650600228229401496703205376::hugeint,
                '1970-01-01 00:00:01'::timestamp_s, '1969-12-31 23:59:59.999999999'::timestamp_ns, interval 1 day),
            (null, null, null, null, null, null, null, null, null, null, null),
            (time '12:34:56.123456', 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid, 'glad', '[]'::json, 18446744073709551615::ubigint, 0, 0, -1, '1969-12-31 23:59:59'::timestamp_s, '1970-01-01 00:00:00.000001999'::timestamp_ns, null)
            ) t(clock, id, mood, doc, ub, us, ut, huge, sec, nano, span)) to 'duckdb_kinds_{v}.parquet' (format parquet, parquet_version {v})""")
        golden("duckdb_kinds_" + v, columns)
    db.register("bounds", bounds_table())
    db.execute("copy bounds to 'duckdb_bounds.parquet' (format parquet)")
    golden("duckdb_bounds", BOUNDS)
    db.execute("copy (select 1 as n, 'a' as s where false) to 'duckdb_empty.parquet' (format parquet)")
    golden("duckdb_empty", {"n": ("int64", []), "s": ("string", [])})


def from_polars():
    import polars as pl
    frame = pl.from_arrow(arrow_table())
    for name, options in {"polars": {}, "polars_snappy": dict(compression="snappy", row_group_size=3), "polars_lz4": dict(compression="lz4"), "polars_gzip": dict(compression="gzip"),
                          "polars_brotli": dict(compression="brotli"), "polars_none": dict(compression="uncompressed", statistics="full"), "polars_silent": dict(statistics=False)}.items():
        frame.write_parquet(name + ".parquet", **options)
        golden(name, all_columns())
    pl.from_arrow(bounds_table()).write_parquet("polars_bounds.parquet", statistics="full")
    golden("polars_bounds", BOUNDS)
    columns = {"clock": ("int64", [0, None, 86_399_999_999]), "span": ("int64", [1, None, -1]), "level": ("string", ["low", None, "high"]), "u64": ("int64", [1, None, None]),
               "ms": ("timestamp", [-1000, None, 0]), "far": ("timestamp", [0, None, 3_600_000_000])}
    pl.DataFrame({
        "clock": pl.Series([0, None, 86_399_999_999_999], dtype=pl.Int64).cast(pl.Time), "span": pl.Series([1, None, -1], dtype=pl.Int64).cast(pl.Duration("us")),
        "level": pl.Series(["low", None, "high"], dtype=pl.Enum(["low", "high"])), "u64": pl.Series([1, None, 2**64 - 1], dtype=pl.UInt64),
        "ms": pl.Series([-1, None, 0], dtype=pl.Int64).cast(pl.Datetime("ms")), "far": pl.Series([0, None, 3_600_000_000], dtype=pl.Int64).cast(pl.Datetime("us", "Asia/Tokyo")),
    }).write_parquet("polars_kinds.parquet")
    golden("polars_kinds", columns)


def from_fastparquet():
    import numpy as np, pandas as pd
    from fastparquet import write
    columns = {
        "i": ("int64", [0, 2**63 - 1, -2**63, 5]), "small": ("int64", [0, 127, -128, 5]), "maybe": ("int64", [1, None, 3, None]), "u": ("int64", [0, 255, 7, 8]), "x": ("double", [0.5, None, -0.0, 1.0]),
        "s": ("string", ["a", None, "é", ""]), "b": ("bytes", [b"\x00", None, b"xy", b""]), "doc": ("string", ['{"a":1}', None, "[1,2]", '"x"']), "cat": ("string", ["red", "blue", None, "red"]),
        "t": ("timestamp", [0, None, 1_767_225_600_123_456, -1_000_000]), "ok": ("bool", [True, False, True, True]),
    }
    t = pd.to_datetime(pd.Series([0, None, 1_767_225_600_123_456_000, -1_000_000_000]), unit="ns")
    frame = pd.DataFrame({
        "i": np.array(columns["i"][1], "int64"), "small": np.array([0, 127, -128, 5], "int8"), "maybe": pd.array([1, None, 3, None], "Int64"), "u": np.array([0, 255, 7, 8], "uint8"), "x": [0.5, float("nan"), -0.0, 1.0],
        "s": pd.Series(columns["s"][1], dtype=object), "b": pd.Series(columns["b"][1], dtype=object), "doc": pd.Series([{"a": 1}, None, [1, 2], "x"], dtype=object), "cat": pd.Categorical(columns["cat"][1]), "t": t, "ok": columns["ok"][1],
    })
    kinds = {"s": "utf8", "b": "bytes", "doc": "json"}
    for name, options in {"fastparquet": {}, "fastparquet_snappy": dict(compression="SNAPPY"), "fastparquet_lz4": dict(compression="LZ4"), "fastparquet_lz4_raw": dict(compression="LZ4_RAW"), "fastparquet_zstd": dict(compression="ZSTD"),
                          "fastparquet_gzip": dict(compression="GZIP"), "fastparquet_brotli": dict(compression="BROTLI"), "fastparquet_groups": dict(row_group_offsets=[0, 1, 3]), "fastparquet_int96": dict(times="int96")}.items():
        write(name + ".parquet", frame, object_encoding=kinds, write_index=False, **options)
        golden(name, columns)


def spark_rows():
    from pyspark.sql import types as T
    whole = lambda v: None if v is None else EPOCH + dt.timedelta(microseconds=v)
    rows = []
    for i in range(N):
        r = {n: v[i] for n, (_, v) in ROWS.items()}
        r["day"] = None if r["day"] is None else (EPOCH + dt.timedelta(days=r["day"])).date()
        r["local"] = whole(r["local"])
        # An instant goes by microseconds: Python's own would go through the machine's time zone.
        r["b"] = None if r["b"] is None else bytearray(r["b"])
        r.update(payload=PAYLOAD[i], tags=TAGS[i], attrs=ATTRS[i])
        rows.append(tuple(r.values()))
    kinds = "i8 tinyint, i16 smallint, i32 int, i64 bigint, f32 float, f64 double, s string, b binary, ok boolean, day date, t bigint, local timestamp_ntz, d9 decimal(9,2), d18 decimal(18,4), d38 decimal(38,10)"
    return rows, kinds + ", payload struct<amount: double, note: string, inner: struct<n: bigint>>, tags array<string>, attrs map<string, int>"


def from_spark():
    from pyspark.sql import SparkSession, functions as F
    spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC").config("spark.sql.parquet.datetimeRebaseModeInWrite", "CORRECTED")
             .config("spark.sql.parquet.int96RebaseModeInWrite", "CORRECTED").config("spark.driver.extraJavaOptions", "-Duser.timezone=UTC")
             .getOrCreate())
    spark.sparkContext.setLogLevel("ERROR")

    def write(name, frame, conf={}, **options):
        conf = {"spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS", **conf}
        with tempfile.TemporaryDirectory() as folder:
            for k, v in conf.items():
                spark.conf.set(k, v)
            w = frame.coalesce(1).write
            for k, v in options.items():
                w = w.option(k.replace("__", "."), v)
            w.parquet(folder + "/out")
            for k in conf:
                spark.conf.unset(k)
            files = glob.glob(folder + "/out/*.parquet")
            assert len(files) == 1, files
            shutil.copy(files[0], name + ".parquet")

    rows, kinds = spark_rows()
    frame = spark.createDataFrame(rows, kinds, verifySchema=False).withColumn("t", F.timestamp_micros("t"))
    legacy = {"spark.sql.parquet.writeLegacyFormat": "true"}
    v2 = {"parquet__writer__version": "v2"}
    makes = {
        "spark": ({}, {}), "spark_int96": ({"spark.sql.parquet.outputTimestampType": "INT96"}, {}), "spark_v2": ({}, v2), "spark_none": ({}, dict(compression="none")), "spark_gzip": ({}, dict(compression="gzip")), "spark_zstd": ({}, dict(compression="zstd", **v2)),
        "spark_lz4": ({}, dict(compression="lz4")), "spark_lz4_v2": ({}, dict(compression="lz4", **v2)), "spark_lz4_raw": ({}, dict(compression="lz4_raw")),
        "spark_legacy": ({**legacy, "spark.sql.parquet.outputTimestampType": "INT96"}, {}),
        "spark_legacy_plain": ({**legacy, "spark.sql.parquet.outputTimestampType": "INT96"}, {"compression": "none", "parquet__enable__dictionary": "false"}),
        "spark_millis": ({"spark.sql.parquet.outputTimestampType": "TIMESTAMP_MILLIS"}, {}),
        "spark_bloom": ({}, {"parquet__bloom__filter__enabled#s": "true", "parquet__bloom__filter__max__bytes": "512"}),
        "spark_split": ({}, {"parquet__enable__dictionary": "false", "parquet__enable__bytestreamsplit": "true", "compression": "none"}),
        "spark_unsummed": ({}, {"parquet__page__write-checksum__enabled": "false"}),
    }
    for name, (conf, options) in makes.items():
        write(name, frame, conf, **options)
        columns = all_columns()
        if name == "spark_millis":
            columns["t"] = ("timestamp", [None if v is None else v // 1000 * 1000 for v in ROWS["t"][1]])
        golden(name, columns)
    long = spark.range(3000).selectExpr("id", "if(id % 7 = 0, null, concat('key-', cast(id * 7919 % 1201 as string))) as k", "if(id % 5 = 0, null, id / 8D) as x", "named_struct('x', if(id % 3 = 0, null, id), 'y', id % 4) as p")
    columns = {"id": ("int64", list(range(3000))), "k": ("string", [None if i % 7 == 0 else f"key-{i * 7919 % 1201}" for i in range(3000)]), "x": ("double", [None if i % 5 == 0 else i / 8 for i in range(3000)]),
               "p": ("unknown", None), "p.x": ("int64", [None if i % 3 == 0 else i for i in range(3000)]), "p.y": ("int64", [i % 4 for i in range(3000)])}
    for v in ("v1", "v2"):
        write("spark_long_" + v, long, parquet__writer__version=v, parquet__block__size="20000", parquet__page__size="500", parquet__dictionary__page__size="2000", parquet__page__row__count__limit="200")
        golden("spark_long_" + v, columns, long=True)
    bounds = [tuple(bytearray(x) if isinstance(x, bytes) else x for x in row) for row in zip(*[v for _, v in BOUNDS.values()])]
    frame_of_bounds = spark.createDataFrame(bounds, "s string, b binary, x double, nan double, zero double, high bigint, signs decimal(9,2), wide decimal(30,2)", verifySchema=False)
    write("spark_bounds", frame_of_bounds)
    golden("spark_bounds", BOUNDS)
    write("spark_legacy_bounds", frame_of_bounds, legacy)
    golden("spark_legacy_bounds", BOUNDS)
    write("spark_empty", frame.where("false"))
    golden("spark_empty", {n: (k, []) for n, (k, _) in all_columns().items()})
    spark.stop()


def main():
    clean()
    for make in (from_pyarrow, from_duckdb, from_polars, from_fastparquet, from_spark, from_go):
        make()


if __name__ == "__main__":
    main()
