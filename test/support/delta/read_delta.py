"""Rows of a Delta table as JSON lines, by DuckDB's delta extension or by delta-rs: read_delta.py duckdb|delta-rs FOLDER"""
import datetime
import decimal
import glob
import json
import os
import sys
import sysconfig

import duckdb


def plain(value):
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


reader, folder = sys.argv[1:]
connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
if reader == "duckdb":
    site = sysconfig.get_paths()["purelib"]
    [extension] = glob.glob(f"{site}/duckdb_extension_delta/**/delta.duckdb_extension", recursive=True)
    connection.execute(f"LOAD '{extension}'")
    found = connection.sql(f"SELECT * FROM delta_scan('{folder}')")
else:
    from deltalake import DeltaTable, QueryBuilder

    batches = QueryBuilder().register("t", DeltaTable(folder)).execute("SELECT * FROM t").read_all()
    found = connection.sql("SELECT * FROM batches")
# Time zones would need one more package; all times here are UTC.
columns = [
    f'make_timestamp(epoch_us("{name}")) AS "{name}"' if str(kind) == "TIMESTAMP WITH TIME ZONE" else f'"{name}"'
    for name, kind in zip(found.columns, found.types)
]
for row in found.select(", ".join(columns)).fetchall():
    print(json.dumps(plain(dict(zip(found.columns, row)))))
sys.stdout.flush()
# Threads of the native library may still run, and would make the interpreter's own way out an abort.
os._exit(0)
