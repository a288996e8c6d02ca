"""Prints the rows of Parquet files as JSON lines [number of the file, row]: times as microseconds, bytes as base64."""

import base64
import datetime
import json
import sys

import pyarrow.parquet

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def plain(value):
    if isinstance(value, datetime.datetime):
        # Spark gives times without a zone, in that of the session.
        value = value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)
        return (value - EPOCH) // datetime.timedelta(microseconds=1)
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return value


def by_pyarrow():
    return lambda path: pyarrow.parquet.read_table(path).to_pylist()


def by_duckdb():
    import duckdb

    duckdb.sql("set timezone = 'UTC'")
    return lambda path: duckdb.sql(f"select * from '{path}' order by id").to_arrow_table().to_pylist()


def by_polars():
    import polars

    return lambda path: polars.read_parquet(path).to_dicts()


def by_spark():
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    return lambda path: [row.asDict(recursive=True) for row in session.read.parquet(path).orderBy("id").collect()]


reader, *paths = sys.argv[1:]
read = {"pyarrow": by_pyarrow, "duckdb": by_duckdb, "polars": by_polars, "spark": by_spark}[reader]()
for number, path in enumerate(paths):
    for row in read(path):
        print(json.dumps([number, plain(row)]))
