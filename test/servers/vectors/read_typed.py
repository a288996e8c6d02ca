"""Prints the rows of a Parquet file as JSON lines, read by pyarrow or DuckDB: times as microseconds, bytes as base64."""

import base64
import datetime
import json
import sys

import pyarrow.parquet

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def plain(value):
    if isinstance(value, datetime.datetime):
        return (value - EPOCH) // datetime.timedelta(microseconds=1)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return value


reader, path = sys.argv[1:]
if reader == "pyarrow":
    table = pyarrow.parquet.read_table(path)
else:
    import duckdb

    duckdb.sql("set timezone = 'UTC'")
    table = duckdb.sql(f"select * from '{path}' order by id").to_arrow_table()
for row in table.to_pylist():
    print(json.dumps(plain(row)))
