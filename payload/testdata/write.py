#!/usr/bin/env python3
"""Writes messages as other implementations do, and beside each the row that must be read of it.

Run here with fastavro 1.13, protobuf 7 and grpcio-tools 1.85: python3 write.py
A line of NAME.golden is a message in base64, a tab, and its row as JSON: instants in ISO 8601, decimals as text, bytes
in base64, maps as objects. The rows come from the lists here, not from the messages. Messages of registry_* begin with
the five bytes of Confluent's wire format, put there by hand; Protobuf's with the places of the message besides.
"""
import base64, datetime as dt, decimal, io, json, random, struct, subprocess, sys, uuid
import fastavro

R = random.Random(7)
D = decimal.Decimal
decimal.getcontext().prec = 60
UTC = dt.timezone.utc

def b64(b):
    return base64.b64encode(b).decode()

def iso(us):
    t = dt.datetime(1970, 1, 1, tzinfo=UTC) + dt.timedelta(microseconds=us)
    return t.strftime("%Y-%m-%dT%H:%M:%S.") + "%06dZ" % t.microsecond if t.year >= 1000 else t.strftime("%04d-" % t.year + "%m-%dT%H:%M:%S.") + "%06dZ" % t.microsecond

def golden(name, lines):
    with open(name + ".golden", "w", encoding="utf-8") as f:
        for message, row in lines:
            f.write(b64(message) + "\t" + json.dumps(row, ensure_ascii=False) + "\n")

def framed(schema_id, path=None):
    head = struct.pack(">bI", 0, schema_id)
    if path is not None:
        head += b"\0" if path == [0] else b"".join(zigzag(n) for n in [len(path)] + path)
    return head

def zigzag(n):
    n, out = n << 1, b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])

WORDS = ["", "a", "é", "日本", "x" * 300, "\0", "\U0001F600"]
INTS = [0, 1, -1, 63, 64, -64, -65, 2**31 - 1, -2**31]
LONGS = INTS + [2**53 + 1, 2**63 - 1, -2**63]
DOUBLES = [0.0, -0.0, 1.5, -1e300, float("inf"), float("-inf"), float("nan"), 5e-324]
INSTANTS = [0, 1, -1, 1_767_225_600_123_456, -62_135_596_800_000_000, 253_402_300_799_999_999]

def number(v):
    return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(repr(v), v)

def tree(depth):
    return {"label": R.choice(WORDS), "children": [tree(depth - 1) for _ in range(R.randrange(3))] if depth else []}

def place():
    return {"lat": R.choice(DOUBLES), "skip": {w: tree(1) for w in R.sample(WORDS, 2)}, "names": R.sample(WORDS, R.randrange(4))}

def avro_rows():
    for n in range(40):
        f32 = struct.unpack("<f", struct.pack("<f", R.choice([0, 1.1, -1e30, float("nan")])))[0]
        us, ms = R.choice(INSTANTS), R.choice(INSTANTS)
        where, route = R.choice([None, place()]), [place() for _ in range(R.randrange(3))]
        amount, big = D(R.randrange(-10**12 + 1, 10**12)).scaleb(-2), D(R.randrange(-10**38 + 1, 10**38)).scaleb(-10)
        e = {
            "id": f"e{n}", "tree": tree(3), "i": R.choice(INTS), "l": R.choice(LONGS), "f": f32, "d": R.choice(DOUBLES), "o": n % 2 == 0, "raw": bytes(range(n)),
            "kind": R.choice(["CARD", "CASH"]), "fix": bytes([n, 0, 255, 1]), "amount": amount, "big": big, "day": dt.date(1970, 1, 1) + dt.timedelta(days=R.choice([0, -1, 20000, -700000])),
            "ms": (ms // 1000), "us": us, "local": (us // 1000), "clock": R.randrange(86_400_000), "uid": str(uuid.UUID(int=R.getrandbits(128))),
            "perhaps": R.choice([None] + WORDS), "mixed": R.choice([None] + LONGS), "list": [R.choice([None] + LONGS) for _ in range(R.randrange(5))],
            "map": {w: R.choice(INTS) for w in R.sample(WORDS, R.randrange(4))}, "place": where, "route": route,
        }
        seen = lambda p: p and {"lat": number(p["lat"]), "names": p["names"]}
        row = {
            **{k: e[k] for k in ("id", "i", "l", "o", "kind", "uid", "perhaps", "mixed", "list", "map")}, "f": number(f32), "d": number(e["d"]), "raw": b64(e["raw"]), "fix": b64(e["fix"]),
            "amount": str(amount), "big": format(big, "f"), "day": e["day"].isoformat(), "clock": e["clock"] * 1000, "ms": iso(ms // 1000 * 1000), "us": iso(us), "local": iso(us // 1000 * 1000),
            "place": seen(where), "route": [seen(p) for p in route],
        }
        yield e, row

def avro(schema, value):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, value)
    return out.getvalue()

def write_avro():
    schema = fastavro.parse_schema(json.load(open("event.avsc")))
    rows = list(avro_rows())
    golden("avro", [(avro(schema, e), row) for e, row in rows])
    golden("registry_avro", [(framed(1) + avro(schema, e), row) for e, row in rows[:10]])
    # An older schema: i was an int, amount was called price, perhaps was not there.
    old = fastavro.parse_schema(json.load(open("old.avsc")))
    lines = []
    for n in range(20):
        v = {"id": f"old{n}", "i": R.choice(INTS), "price": R.choice(DOUBLES), "gone": R.choice(WORDS)}
        lines.append((framed(2) + avro(old, v), {"id": v["id"], "i": v["i"], "amount": number(v["price"]), "country": "NL", "note": None}))
    newest = fastavro.parse_schema(json.load(open("newest.avsc")))
    for n in range(20):
        v = {"id": f"new{n}", "i": R.choice(LONGS), "amount": R.choice(DOUBLES), "country": R.choice(WORDS), "note": R.choice([None] + WORDS)}
        lines.append((framed(3) + avro(newest, v), {**v, "amount": number(v["amount"])}))
    R.shuffle(lines)
    golden("registry_evolved", lines)

def write_debezium():
    schema = fastavro.parse_schema(json.load(open("change.avsc")))
    avros, plain, wrapped = [], [], []
    for n in range(30):
        op = "cruddr"[n % 6]
        old, new = ({"id": n, "tier": R.choice(WORDS), "at": 1_767_225_600_123_456 + n} for _ in range(2))
        e = {"before": None if op in "cr" else old, "after": None if op == "d" else new, "source": {"version": "3.1", "ts_ms": 1_767_225_600_000 + n, "db": "shop"}, "op": op, "ts_ms": R.choice([None, 1_767_225_601_000])}
        kept = old if op == "d" else new
        row = {"id": kept["id"], "tier": kept["tier"], "at": iso(kept["at"]), "_op": op, "_source_ts": iso(e["source"]["ts_ms"] * 1000), "_ts": e["ts_ms"] and iso(e["ts_ms"] * 1000)}
        avros.append((framed(6) + avro(schema, e), row))
        said = json.loads(json.dumps(e))
        for side in ("before", "after"):
            if said[side]:
                said[side]["at"] = iso(said[side]["at"])
        plain.append((json.dumps(said).encode(), row))
        wrapped.append((json.dumps({"schema": {"type": "struct", "op": "no"}, "payload": said}, indent=1).encode(), row))
    golden("registry_debezium", avros)
    golden("debezium", plain + wrapped)

def generated(name):
    """The module that protoc makes of a file."""
    import importlib, tempfile
    folder = tempfile.mkdtemp()
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", "-I.", "-Iimports", f"--python_out={folder}", f"{name}.proto", *([] if name == "old" else ["place.proto"])], check=True)
    sys.path.insert(0, folder)
    return importlib.import_module(name + "_pb2")

def write_protobuf():
    import place_pb2 as pl
    message = EVENT.Event
    rows = []
    for n in range(60):
        e = message()
        row = {}
        full = n % 4 != 0  # Every fourth has hardly anything: what is absent is zero, or null.
        for f, of in {"i32": INTS, "i64": LONGS, "u32": [0, 1, 2**32 - 1], "u64": [0, 1, 2**63 - 1], "s32": INTS, "s64": LONGS, "f32": [0, 2**32 - 1], "f64": [0, 2**63 - 1], "sf32": INTS, "sf64": LONGS, "far": LONGS}.items():
            row[f] = R.choice(of) if full else 0
            setattr(e, f, row[f])
        e.id = row["id"] = f"e{n}"
        real = struct.unpack("<f", struct.pack("<f", R.choice([0, 1.1, -1e30])))[0]
        e.real, row["real"] = real, real
        wide = R.choice(DOUBLES)
        e.wide, row["wide"] = wide, number(wide)
        e.flag = row["flag"] = n % 3 == 0
        e.raw, row["raw"] = bytes(range(n)), b64(bytes(range(n)))
        e.kind = n % 3
        row["kind"] = ["UNKNOWN", "CARD", "CASH"][n % 3]
        row["at"] = row["perhaps"] = row["note"] = row["maybe"] = row["place"] = row["by_name"] = row["by_number"] = None
        if full:
            us = R.choice(INSTANTS)
            e.at.seconds, e.at.nanos = us // 1_000_000, us % 1_000_000 * 1000 + R.randrange(1000)
            row["at"] = iso(us)
            e.perhaps.value = row["perhaps"] = R.choice(LONGS)
            e.note.value = row["note"] = R.choice(WORDS)
            e.maybe = row["maybe"] = R.choice(INTS)
            e.tree.label = "root"
            e.tree.children.add().label = "leaf"
            e.extra["x"] = 1
        row["numbers"] = [R.choice(LONGS) for _ in range(R.randrange(5))]
        e.numbers.extend(row["numbers"])
        row["words"] = R.sample(WORDS, R.randrange(4))
        e.words.extend(row["words"])
        row["loose"] = [R.choice(INTS) for _ in range(R.randrange(5))]
        e.loose.extend(row["loose"])
        row["counts"] = {w: R.choice(LONGS) for w in R.sample(WORDS, R.randrange(4))}
        e.counts.update(row["counts"])

        def put(p):
            lat, lon, name, seen = R.choice(DOUBLES), R.choice(DOUBLES), R.choice([None] + WORDS), [R.random() < 0.5 for _ in range(R.randrange(3))]
            p.lat, p.lon = lat, lon
            if name is not None:
                p.name = name
            p.seen.extend(seen)
            return {"lat": number(lat), "lon": number(lon), "name": name, "seen": seen}

        if full:
            row["place"] = put(e.place)
        row["route"] = [put(e.route.add()) for _ in range(R.randrange(3))]
        row["places"] = {str(k): put(e.places[k]) for k in R.sample(INTS, R.randrange(3))}
        which = n % 4
        if which == 1:
            e.by_name = row["by_name"] = R.choice(WORDS)
        elif which == 2:
            e.by_number = row["by_number"] = R.choice(LONGS)
        elif which == 3:
            e.by_place.lat = 1
        rows.append((e, row))
    golden("protobuf", [(e.SerializeToString(deterministic=True), row) for e, row in rows])
    golden("registry_protobuf", [(framed(4, [1]) + e.SerializeToString(deterministic=True), row) for e, row in rows[:10]])
    # Parts of one message, one after the other, are that message; of a oneof the last counts.
    joined = []
    for (a, _), (b, _) in zip(rows[:20], rows[1:]):
        both = message()
        both.MergeFromString(a.SerializeToString(deterministic=True) + b.SerializeToString(deterministic=True))
        joined.append((a.SerializeToString(deterministic=True) + b.SerializeToString(deterministic=True), (both.numbers, both)))
    golden("protobuf_joined", [(data, {"id": m.id, "numbers": list(numbers), "place": None if not m.HasField("place") else {"lat": number(m.place.lat), "lon": number(m.place.lon), "name": m.place.name if m.place.HasField("name") else None, "seen": list(m.place.seen)},
        "counts": dict(m.counts), "by_name": m.by_name if m.WhichOneof("how") == "by_name" else None, "by_number": m.by_number if m.WhichOneof("how") == "by_number" else None}) for data, (numbers, m) in joined])
    olds = []
    for n in range(20):
        e = OLD.Old(id=f"o{n}")
        row = {"id": e.id, "stars": 3, "note": None, "numbers": [1, -n], "tags": {"k": "v"} if n % 2 else {}}
        e.numbers.extend(row["numbers"])
        e.tags.update(row["tags"])
        e.part.n = n
        if n % 3:
            e.stars = row["stars"] = n
            e.note = row["note"] = WORDS[n % 7]
        olds.append((e.SerializeToString(deterministic=True), row))
    golden("protobuf_old", olds)

EVENT, OLD = generated("event"), generated("old")
write_avro()
write_debezium()
write_protobuf()
subprocess.run([sys.executable, "-m", "grpc_tools.protoc", "-I.", "-Iimports", "--include_imports", "--descriptor_set_out=event.binpb", "event.proto"], check=True)
