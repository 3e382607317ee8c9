#!/usr/bin/env python3
"""Writes the Parquet files of this folder, and beside each what must be read of it.

Run here with pyarrow 26, duckdb 2 and polars 2: python3 write.py
NAME.golden is a line of column:type, then a line for each row, fields apart by tabs: \\N is null, doubles are the sixteen
hexadecimal digits of their bits, dates days and instants microseconds since 1970, bytes hexadecimal. Of long files it
holds the SHA-256 of these lines. The values come from the lists here, not from the files.
"""
import datetime as dt, decimal, hashlib, os, shutil, struct, sys, uuid
import duckdb, numpy as np, polars as pl, pyarrow as pa, pyarrow.parquet as pq

D = decimal.Decimal
decimal.getcontext().prec = 60
HERE = os.path.dirname(os.path.abspath(__file__))
os.chdir(HERE)


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
        scale = int(kind.rstrip(")").split(",")[1])
        return format(v.quantize(D(1).scaleb(-scale)), "f")
    return str(v)


def golden(name, columns, long=False):
    """columns: name -> (type, values)"""
    lines = ["\t".join(f"{n}:{k}" for n, (k, _) in columns.items())]
    for row in zip(*[v for _, v in columns.values()]):
        lines.append("\t".join(text(k, v) for (k, _), v in zip(columns.values(), row)))
    body = "\n".join(lines) + "\n"
    if long:
        body = lines[0] + "\nsha256 %s of %d rows\n" % (hashlib.sha256(body.encode()).hexdigest(), len(lines) - 1)
    with open(name + ".golden", "w") as f:
        f.write(body)


def floor_us(v, per_us):
    return None if v is None else v // per_us


def clean():
    for n in os.listdir("."):
        if n in ("write.py", "makers", "fuzz"):
            continue
        shutil.rmtree(n) if os.path.isdir(n) else os.remove(n)


I64 = [0, 1, -1, 2**63 - 1, -2**63, None, 42, 1_000_000_007]
TIMES = {
    "us": [0, -1, 1_767_225_600_000_000, None, -62_135_596_800_000_000, 253_402_300_799_999_999, 1, 2],
    "ms": [0, -1, 1_767_225_600_000, None, -62_135_596_800_000, 253_402_300_799_999, 1, 2],
    "ns": [0, -1, 1_767_225_600_000_000_999, None, -9_223_372_036_854_775_807, 9_223_372_036_854_775_807, -1000, -1001],
    "s": [0, -1, 1_767_225_600, None, -62_135_596_800, 253_402_300_799, 1, 2],
}
PER = {"us": 1, "ns": 1000}
UP = {"ms": 1000, "s": 1_000_000}


def us(unit, v):
    if v is None:
        return None
    return v * UP[unit] if unit in UP else v // PER[unit]


def arrow_types():
    t = {
        "i8": (pa.int8(), "int64", [0, 1, -1, 127, -128, None, 5, 6]),
        "i16": (pa.int16(), "int64", [0, 1, -1, 32767, -32768, None, 5, 6]),
        "i32": (pa.int32(), "int64", [0, 1, -1, 2**31 - 1, -2**31, None, 5, 6]),
        "i64": (pa.int64(), "int64", I64),
        "u8": (pa.uint8(), "int64", [0, 1, 255, 128, None, 2, 3, 4]),
        "u16": (pa.uint16(), "int64", [0, 1, 65535, 32768, None, 2, 3, 4]),
        "u32": (pa.uint32(), "int64", [0, 1, 2**32 - 1, 2**31, None, 2, 3, 4]),
        "f32": (pa.float32(), "double", [0.0, -0.0, 1.5, float("nan"), float("inf"), None, -1e-40, 3.4e38]),
        "f64": (pa.float64(), "double", [0.0, -0.0, 0.1, float("nan"), -float("inf"), None, 5e-324, 1.7976931348623157e308]),
        "b": (pa.bool_(), "bool", [True, False, None, True, True, False, None, True]),
        "s": (pa.string(), "string", ["", "a", "é", None, "日本語", "long " * 20, "a", "\u0000x"]),
        "ls": (pa.large_string(), "string", ["x", "y", None, "x", "", "z", "z", "z"]),
        "bin": (pa.binary(), "bytes", [b"", b"\x00\xff", None, b"abc", b"\x80", b"x", b"x", b"y"]),
        "fix": (pa.binary(3), "bytes", [b"abc", b"\x00\x00\x00", None, b"\xff\xfe\xfd", b"abc", b"abd", b"abc", b"xyz"]),
        "cat": (pa.dictionary(pa.int8(), pa.string()), "string", ["red", "blue", None, "red", "red", "green", "blue", "red"]),
        "day": (pa.date32(), "date", [0, -1, 20454, None, -719162, 2932896, 1, 2]),
        "nothing": (pa.null(), "null", [None] * 8),
    }
    for unit in ("s", "ms", "us", "ns"):
        for zone in (None, "UTC", "Europe/Berlin"):
            name = f"t_{unit}_{(zone or 'none').split('/')[-1].lower()}"
            t[name] = (pa.timestamp(unit, zone), "timestamp", TIMES[unit])
    half = [0.0, -0.0, 1.5, float("nan"), float("inf"), None, 6e-8, 65504.0]
    t["f16"] = (pa.float16(), "double", half)
    return t


def value_array(typ, values):
    if pa.types.is_float16(typ):
        return pa.array([None if v is None else np.float16(v) for v in values], typ)
    if pa.types.is_timestamp(typ):
        return pa.array(values, pa.int64()).view(typ)
    if pa.types.is_date32(typ):
        return pa.array(values, pa.int32()).view(typ)
    return pa.array(values, typ)


def expected(name, typ, kind, values):
    if kind == "timestamp":
        return [us(typ.unit, v) for v in values]
    if name == "f32":
        return [None if v is None else float(np.float32(v)) for v in values]
    if name == "f16":
        return [None if v is None else float(np.float16(v)) for v in values]
    return values


def types():
    t = arrow_types()
    table = pa.table({n: value_array(typ, v) for n, (typ, _, v) in t.items()})
    want = {n: (k, expected(n, typ, k, v)) for n, (typ, k, v) in t.items()}
    pq.write_table(table, "types.parquet", compression="snappy")
    golden("types", want)
    # Format 1.0 knows no nanoseconds, and 32 unsigned bits are written as int64.
    old = [n for n in t if not n.startswith("t_ns")]
    pq.write_table(table.select(old), "types_plain_v1.parquet", version="1.0", use_dictionary=False, compression="none", data_page_size=1)
    golden("types_plain_v1", {n: want[n] for n in old})


def required():
    cols = {"id": ("int64", list(range(300))), "x": ("double", [i / 8 for i in range(300)]), "s": ("string", [f"k{i % 7}" for i in range(300)]),
            "t": ("timestamp", [i * 1_000_003 - 5 for i in range(300)]), "ok": ("bool", [i % 3 == 0 for i in range(300)])}
    types = {"id": pa.int64(), "x": pa.float64(), "s": pa.string(), "t": pa.timestamp("us", "UTC"), "ok": pa.bool_()}
    schema = pa.schema([pa.field(n, types[n], nullable=n == "x") for n in cols])
    table = pa.table({n: value_array(types[n], v) for n, (_, v) in cols.items()}).cast(schema)
    pq.write_table(table, "required.parquet", row_group_size=128, compression="snappy")
    golden("required", cols, long=True)


def fallback():
    n = 2400
    cols = {
        "key": ("string", [None if i % 11 == 3 else "key-%06d" % (i * 7919 % 3001) for i in range(n)]),
        "few": ("string", [None if i % 5 == 0 else "abc"[i // 100 % 3] for i in range(n)]),
        "num": ("int64", [None if i % 13 == 0 else i * i for i in range(n)]),
        "real": ("double", [None if 1000 < i < 1900 else i / 3 for i in range(n)]),
    }
    table = pa.table({"key": pa.array(cols["key"][1], pa.string()), "few": pa.array(cols["few"][1]), "num": pa.array(cols["num"][1], pa.int64()), "real": pa.array(cols["real"][1], pa.float64())})
    for version in ("1.0", "2.0"):
        name = "fallback_v" + version[0]
        pq.write_table(table, name + ".parquet", row_group_size=1000, dictionary_pagesize_limit=4096, data_page_size=1024, write_batch_size=64, compression="zstd", data_page_version=version)
        golden(name, cols, long=True)


def encodings():
    n = 500
    cols = {
        "delta": ("int64", [None if i % 9 == 0 else i * 1000 - 7 * (i % 5) for i in range(n)]),
        "length": ("string", [None if i % 10 == 0 else "v" * (i % 17) for i in range(n)]),
        "prefix": ("string", [None if i % 8 == 0 else "shared-prefix-%d" % i for i in range(n)]),
        "split": ("double", [None if i % 7 == 0 else i / 7 for i in range(n)]),
        "rle": ("bool", [None if i % 6 == 0 else i % 50 < 25 for i in range(n)]),
        "fixed": ("bytes", [None if i % 4 == 0 else b"%04d" % i for i in range(n)]),
        "day": ("date", [None if i % 12 == 0 else i - 250 for i in range(n)]),
    }
    at = {"delta": pa.int64(), "length": pa.string(), "prefix": pa.string(), "split": pa.float64(), "rle": pa.bool_(), "fixed": pa.binary(4), "day": pa.date32()}
    table = pa.table({c: value_array(at[c], v) for c, (_, v) in cols.items()})
    for version in ("1.0", "2.0"):
        name = "encodings_v" + version[0]
        pq.write_table(table, name + ".parquet", use_dictionary=False, data_page_version=version, data_page_size=300, write_batch_size=50, compression="gzip",
                       column_encoding={"delta": "DELTA_BINARY_PACKED", "length": "DELTA_LENGTH_BYTE_ARRAY", "prefix": "DELTA_BYTE_ARRAY", "split": "BYTE_STREAM_SPLIT",
                                        "rle": "RLE", "fixed": "BYTE_STREAM_SPLIT", "day": "DELTA_BINARY_PACKED"})
        golden(name, cols, long=True)


def codecs():
    cols = {"i": ("int64", [i % 10 for i in range(200)]), "s": ("string", [None if i % 3 == 0 else f"text {i % 20}" for i in range(200)])}
    table = pa.table({"i": pa.array(cols["i"][1]), "s": pa.array(cols["s"][1])})
    for c in ("none", "snappy", "gzip", "zstd", "lz4", "brotli"):
        for version in ("1.0", "2.0"):
            name = f"codec_{c}_v{version[0]}"
            pq.write_table(table, name + ".parquet", compression=c, data_page_version=version)
            golden(name, cols, long=True)


def int96():
    v = TIMES["ns"]
    table = pa.table({"t": value_array(pa.timestamp("ns"), v), "same": value_array(pa.timestamp("ns"), [0, 0, -1, -1, None, 0, 0, 0])})
    for d in (True, False):
        name = "int96" + ("" if d else "_plain")
        pq.write_table(table, name + ".parquet", use_deprecated_int96_timestamps=True, use_dictionary=d)
        golden(name, {"t": ("timestamp", [us("ns", x) for x in v]), "same": ("timestamp", [0, 0, -1, -1, None, 0, 0, 0])})


def decimals():
    cols = {}
    arrays = {}
    for p, s in ((1, 0), (5, 2), (9, 9), (12, 2), (18, 4), (20, 0), (38, 10), (38, 38)):
        most = D(10) ** p - 1
        values = [D(0), D(1), D(-1), most, -most, None, D(7), D(-128)]
        values = [None if v is None else (v if abs(v) <= most else D(0)).scaleb(-s) for v in values]
        cols[f"d{p}_{s}"] = (f"decimal({p},{s})", values)
        arrays[f"d{p}_{s}"] = pa.array(values, pa.decimal128(p, s))
    table = pa.table(arrays)
    for ints in (True, False):
        name = "decimals" + ("_ints" if ints else "")
        pq.write_table(table, name + ".parquet", store_decimal_as_integer=ints)
        golden(name, cols)


def out_of_type():
    cols = {
        "u64": ("int64", [2**63 - 1, None, 0, None, 5, None]),
        "ms": ("timestamp", [9_223_372_036_854_775_000, None, 0, None, -9_223_372_036_854_775_000, None]),
    }
    u64 = [2**63 - 1, 2**63, 0, None, 5, 2**64 - 1]
    ms = [9_223_372_036_854_775, 9_223_372_036_854_776, 0, None, -9_223_372_036_854_775, -2**63]
    table = pa.table({"u64": pa.array(u64, pa.uint64()), "ms": value_array(pa.timestamp("ms"), ms)})
    for d in (True, False):
        name = "out_of_type" + ("" if d else "_plain")
        pq.write_table(table, name + ".parquet", use_dictionary=d)
        golden(name, cols)


def hive():
    """Three days, two regions: types that widen, columns that come and go, folders and files to be skipped."""
    want = {"id": [], "n": [], "x": [], "price": [], "note": [], "late": [], "dt": [], "region": [], "shard": []}
    k = 0
    days = ["2026-01-01", "2026-01-02", "__HIVE_DEFAULT_PARTITION__"]
    for d, day in enumerate(days):
        for region in ("eu", "a%2Fb"):
            folder = f"hive/dt={day}/region={region}/shard=0{d}"
            os.makedirs(folder)
            cols = {"id": pa.array([k, k + 1], pa.int64()), "n": pa.array([1, None], pa.int32() if d == 0 else pa.int64()),
                    "x": pa.array([0.1, None], pa.float32() if d == 0 else pa.float64()),
                    "price": pa.array([D("1.25"), None], pa.decimal128(9, 2)) if d == 0 else pa.array([D("1.2345"), None], pa.decimal128(12, 4))}
            cols["note"] = pa.array([None, None], pa.null()) if d == 0 else pa.array(["a", None])
            if d > 0:
                cols["late"] = pa.array([True, False])
            pq.write_table(pa.table(cols), f"{folder}/part-0.parquet", row_group_size=1 if d == 1 else 100)
            want["id"] += [k, k + 1]
            want["n"] += [1, None]
            want["x"] += [float(np.float32(0.1)) if d == 0 else 0.1, None]
            want["price"] += [D("1.25") if d == 0 else D("1.2345"), None]
            want["note"] += [None, None] if d == 0 else ["a", None]
            want["late"] += [None, None] if d == 0 else [True, False]
            want["dt"] += [None if d == 2 else (dt.date.fromisoformat(day) - dt.date(1970, 1, 1)).days] * 2
            want["region"] += [region.replace("%2F", "/")] * 2
            want["shard"] += [d] * 2
            k += 2
    for junk in ("_SUCCESS", ".part-0.parquet.crc", "README.md", "dt=2026-01-01/_temporary.parquet"):
        with open("hive/" + junk, "w") as f:
            f.write("not a table\n")
    os.makedirs("hive/_delta_log")
    with open("hive/_delta_log/0.parquet", "w") as f:
        f.write("not a table\n")
    kinds = {"id": "int64", "n": "int64", "x": "double", "price": "decimal(12,4)", "note": "string", "late": "bool", "dt": "date", "region": "string", "shard": "int64"}
    # Folders in the order of their names: a%2Fb before eu.
    order = [i for d in range(3) for i in (d * 4 + 2, d * 4 + 3, d * 4, d * 4 + 1)]
    golden("hive", {c: (kinds[c], [want[c][i] for i in order]) for c in kinds})


def conflict():
    os.makedirs("conflict")
    pq.write_table(pa.table({"id": [1, 2], "code": ["a", "b"], "list": [[1], [2]]}), "conflict/a.parquet")
    pq.write_table(pa.table({"id": [3], "code": pa.array([4], pa.int64()), "list": pa.array([[1]])}), "conflict/b.parquet")


def unreadable():
    pq.write_table(pa.table({
        "id": pa.array([1, 2], pa.int64()), "tags": pa.array([["a"], None]), "place": pa.array([{"lat": 1.5}, None]),
        "pairs": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int32())),
        "clock": pa.array([1, None], pa.time64("us")), "wide": pa.array([D(1), None], pa.decimal256(50, 2)),
    }), "unreadable.parquet")


def empty():
    schema = pa.schema([("id", pa.int64()), ("s", pa.string())])
    pq.write_table(schema.empty_table(), "empty.parquet")
    pq.ParquetWriter("no_groups.parquet", schema).close()
    for n in ("empty", "no_groups"):
        golden(n, {"id": ("int64", []), "s": ("string", [])})


def all_null():
    n = 100
    table = pa.table({"s": pa.array([None] * n, pa.string()), "i": pa.array([None] * n, pa.int64()), "d": pa.array([None] * n, pa.decimal128(10, 2)), "x": pa.array([None] * n, pa.float64())})
    for d in (True, False):
        name = "all_null" + ("" if d else "_plain")
        pq.write_table(table, name + ".parquet", use_dictionary=d, row_group_size=40)
        golden(name, {"s": ("string", [None] * n), "i": ("int64", [None] * n), "d": ("decimal(10,2)", [None] * n), "x": ("double", [None] * n)}, long=True)


def from_duckdb():
    db = duckdb.connect()
    db.execute("""create table t(i integer, big bigint, tiny tinyint, ui uinteger, ub ubigint, f float, d double, dec4 decimal(4,1), dec12 decimal(12,2), dec38 decimal(38,5), s varchar,
        b blob, ok boolean, day date, ts timestamp, tz timestamptz, ts_ns timestamp_ns, ts_ms timestamp_ms, ts_s timestamp_s, id uuid, mood enum('sad', 'glad'))""")
    ids = [uuid.UUID(int=0x0123456789ABCDEF0123456789ABCDEF), uuid.UUID(int=0xFFEEDDCCBBAA99887766554433221100)]
    db.execute(f"""insert into t values
        (1, 9223372036854775807, -128, 4294967295, 18446744073709551615, 0.1, 0.1, 1.5, -1234567890.12, 123456789012345678901234567890123.12345, 'é', '\\x00\\xFF'::blob, true, '1969-12-31', '1969-12-31 23:59:59.999999', '2026-01-01 00:00:00+00', '1969-12-31 23:59:59.999999999', '2026-01-01 00:00:00.001', '2026-01-01 00:00:01', '{ids[0]}', 'glad'),
        (null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null),
        (-1, -1, 1, 0, 1, 'nan', 'inf', -0.1, 0, -1, '', ''::blob, false, '2026-01-01', '0001-01-01', '9999-12-31 23:59:59.999999+00', '2026-01-01 00:00:00.000000001', '1969-12-31 23:59:59.999', '1969-12-31 23:59:59', '{ids[1]}', 'sad')""")
    day = 86_400_000_000
    jan = 20454 * day
    f32 = float(np.float32(0.1))
    cols = {
        "i": ("int64", [1, None, -1]), "big": ("int64", [2**63 - 1, None, -1]), "tiny": ("int64", [-128, None, 1]), "ui": ("int64", [2**32 - 1, None, 0]), "ub": ("int64", [None, None, 1]),
        "f": ("double", [f32, None, float("nan")]), "d": ("double", [0.1, None, float("inf")]),
        "dec4": ("decimal(4,1)", [D("1.5"), None, D("-0.1")]), "dec12": ("decimal(12,2)", [D("-1234567890.12"), None, D(0)]), "dec38": ("decimal(38,5)", [D("123456789012345678901234567890123.12345"), None, D(-1)]),
        "s": ("string", ["é", None, ""]), "b": ("bytes", [b"\x00\xff", None, b""]), "ok": ("bool", [True, None, False]), "day": ("date", [-1, None, 20454]),
        "ts": ("timestamp", [-1, None, -62_135_596_800_000_000]), "tz": ("timestamp", [jan, None, 253_402_300_799_999_999]), "ts_ns": ("timestamp", [-1, None, jan]),
        "ts_ms": ("timestamp", [jan + 1000, None, -1000]), "ts_s": ("timestamp", [jan + 1_000_000, None, -1_000_000]),
        "id": ("string", [str(ids[0]), None, str(ids[1])]), "mood": ("string", ["glad", None, "sad"]),
    }
    for v in ("v1", "v2"):
        db.execute(f"copy t to 'duckdb_{v}.parquet' (format parquet, parquet_version {v})")
        golden("duckdb_" + v, cols)
    n = 6000
    for v in ("v1", "v2"):
        db.execute(f"""copy (select i, case when i % 7 = 0 then null else 'key-' || (i * 7919 % 3001) end as k, case when i % 5 = 0 then null else i / 8.0::double end as x from range({n}) r(i))
            to 'duckdb_long_{v}.parquet' (format parquet, parquet_version {v}, row_group_size 2048, dictionary_size_limit 500, compression zstd)""")
        golden("duckdb_long_" + v, {"i": ("int64", list(range(n))), "k": ("string", [None if i % 7 == 0 else f"key-{i * 7919 % 3001}" for i in range(n)]),
                                    "x": ("double", [None if i % 5 == 0 else i / 8 for i in range(n)])}, long=True)


def from_polars():
    n = 1500
    cols = {
        "i": ("int64", [None if i % 4 == 0 else i for i in range(n)]), "s": ("string", [None if i % 6 == 0 else "s%d" % (i % 90) for i in range(n)]),
        "cat": ("string", [("low", "high", None)[i % 3] for i in range(n)]), "x": ("double", [i / 3 for i in range(n)]),
        "t": ("timestamp", [i * 1_000_001 - 77 for i in range(n)]), "t_ns": ("timestamp", [(i * 333 - 5000) // 1000 for i in range(n)]),
        "day": ("date", [i - 1500 for i in range(n)]), "ok": ("bool", [i % 2 == 0 for i in range(n)]),
        "price": ("decimal(15,3)", [None if i % 9 == 0 else D(i * 37 - 5000).scaleb(-3) for i in range(n)]),
        "u32": ("int64", [i * 1_000_000 for i in range(n)]),
    }
    v = {c: x for c, (_, x) in cols.items()}
    frame = pl.DataFrame({
        "i": pl.Series(v["i"], dtype=pl.Int16), "s": v["s"], "cat": pl.Series(v["cat"], dtype=pl.Categorical), "x": v["x"],
        "t": pl.Series(v["t"], dtype=pl.Int64).cast(pl.Datetime("us", "UTC")), "t_ns": pl.Series([i * 333 - 5000 for i in range(n)], dtype=pl.Int64).cast(pl.Datetime("ns")),
        "day": pl.Series(v["day"], dtype=pl.Int32).cast(pl.Date), "ok": v["ok"], "price": pl.Series(v["price"], dtype=pl.Decimal(15, 3)), "u32": pl.Series(v["u32"], dtype=pl.UInt32),
    })
    frame.write_parquet("polars.parquet", row_group_size=500, data_page_size=2000, compression="zstd")
    golden("polars", cols, long=True)


def main():
    clean()
    for make in (types, required, fallback, encodings, codecs, int96, decimals, out_of_type, hive, conflict, unreadable, empty, all_null, from_duckdb, from_polars):
        try:
            make()
        except Exception as e:
            print(make.__name__, "failed:", repr(e), file=sys.stderr)
            raise


main()
