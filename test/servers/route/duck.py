"""DuckDB with httpfs: Parquet written in parts, read by range and by glob."""
import importlib.util
import os
import pathlib

import duckdb

folder = pathlib.Path(importlib.util.find_spec("duckdb_extension_httpfs").origin).parent
extension = next(folder.rglob("httpfs.duckdb_extension*"))
connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
connection.execute(f"LOAD '{extension}'")
connection.execute(
    f"""CREATE SECRET (TYPE s3, KEY_ID '{os.environ["AWS_ACCESS_KEY_ID"]}', SECRET '{os.environ["AWS_SECRET_ACCESS_KEY"]}',
    ENDPOINT '{os.environ["ENDPOINT"].removeprefix("http://")}', USE_SSL false, URL_STYLE 'path', REGION 'us-east-1')"""
)
for root in ["s3://lake/duck", "s3://lake/cold/duck"]:
    connection.execute(f"COPY (SELECT range AS id, range % 4 AS part, hash(range) AS h FROM range(900000)) TO '{root}/one.parquet' (FORMAT parquet)")
    assert connection.execute(f"SELECT count(*), max(id) FROM '{root}/one.parquet'").fetchone() == (900000, 899999)
    connection.execute(f"COPY (SELECT range AS id, range % 4 AS part FROM range(1000)) TO '{root}/set' (FORMAT parquet, PARTITION_BY (part))")
    assert connection.execute(f"SELECT count(*) FROM read_parquet('{root}/set/*/*.parquet') WHERE part = 2").fetchone() == (250,)
    assert len(connection.execute(f"SELECT file FROM glob('{root}/**')").fetchall()) == 5
print("done")
