"""Iceberg by its Spark runtime: a Hadoop catalog, the files of one partition in a second store. One session for all."""
import os
import sys

from pyspark.sql import SparkSession
from pyspark.sql.functions import col

PACKAGES = "org.apache.hadoop:hadoop-aws:3.4.1,org.apache.iceberg:iceberg-spark-runtime-4.0_2.13:1.10.0"
session = (
    SparkSession.builder.master("local[2]")
    .appName("gateway")
    .config("spark.jars.ivy", os.environ["IVY"])
    .config("spark.jars.packages", PACKAGES)
    .config("spark.ui.enabled", "false")
    .config("spark.ui.showConsoleProgress", "false")
    .config("spark.sql.shuffle.partitions", "1")
    .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
    .config("spark.sql.catalog.lake", "org.apache.iceberg.spark.SparkCatalog")
    .config("spark.sql.catalog.lake.type", "hadoop")
    .config("spark.sql.catalog.lake.warehouse", "s3a://lake/warehouse")
    .config("spark.hadoop.fs.s3a.endpoint", os.environ["ENDPOINT"])
    .config("spark.hadoop.fs.s3a.endpoint.region", "us-east-1")
    .config("spark.hadoop.fs.s3a.access.key", os.environ["AWS_ACCESS_KEY_ID"])
    .config("spark.hadoop.fs.s3a.secret.key", os.environ["AWS_SECRET_ACCESS_KEY"])
    .config("spark.hadoop.fs.s3a.path.style.access", "true")
    .config("spark.hadoop.fs.s3a.connection.ssl.enabled", "false")
    .config("spark.hadoop.fs.s3a.attempts.maximum", "2")
    .config("spark.hadoop.fs.s3a.retry.limit", "2")
    .getOrCreate()
)
session.sparkContext.setLogLevel("ERROR")


def step(name):
    print(f"step {name}", flush=True)


def rows(begin, end):
    return session.range(begin, end, 1, 2).select(col("id"), (col("id") % 3 + 2022).cast("int").alias("year"))


def years(version=None):
    at = "" if version is None else f" VERSION AS OF {version}"
    found = session.sql(f"SELECT year, count(*) AS n FROM lake.db.events{at} GROUP BY year").collect()
    return {row["year"]: row["n"] for row in found}


def snapshots():
    found = session.sql("SELECT snapshot_id FROM lake.db.events.snapshots ORDER BY committed_at").collect()
    return [row["snapshot_id"] for row in found]


step("create")
session.sql("CREATE TABLE lake.db.events (id bigint, year int) USING iceberg PARTITIONED BY (year)")
assert [row["tableName"] for row in session.sql("SHOW TABLES IN lake.db").collect()] == ["events"]

step("append")
rows(0, 300).writeTo("lake.db.events").append()
rows(300, 330).writeTo("lake.db.events").append()

step("overwrite a partition")
rows(0, 30).where("year = 2023").writeTo("lake.db.events").overwritePartitions()
assert years() == {2022: 110, 2023: 10, 2024: 110}, years()

step("delete rows, and a partition")
session.sql("DELETE FROM lake.db.events WHERE id < 6")
session.sql("DELETE FROM lake.db.events WHERE year = 2024")

step("time travel")
before = snapshots()
assert len(before) == 5, before
assert years(before[1]) == {2022: 110, 2023: 110, 2024: 110}

step("expire snapshots")
expired = session.sql(
    "CALL lake.system.expire_snapshots(table => 'db.events', older_than => TIMESTAMP '2100-01-01 00:00:00')"
).collect()[0]
assert expired["deleted_data_files_count"] > 0, expired
assert snapshots() == before[-1:]

step("read again")
session.sql("REFRESH TABLE lake.db.events")
assert years() == {2022: 108, 2023: 8}, years()

step("done")
session.stop()
sys.exit(0)
