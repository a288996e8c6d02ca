"""Spark with S3A on the gateway: what a job does with tables, and what its committers do. One session for all."""
import os
import sys

from pyspark.sql import SparkSession
from pyspark.sql.functions import col

endpoint = os.environ["ENDPOINT"]
session = (
    SparkSession.builder.master("local[2]")
    .appName("gateway")
    .config("spark.jars.ivy", os.environ["IVY"])
    .config("spark.jars.packages", "org.apache.hadoop:hadoop-aws:3.4.1,io.delta:delta-spark_2.13:4.0.0")
    .config("spark.ui.enabled", "false")
    .config("spark.ui.showConsoleProgress", "false")
    .config("spark.databricks.delta.snapshotPartitions", "2")
    .config("spark.sql.shuffle.partitions", "2")
    .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
    .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    .config("spark.sql.sources.partitionOverwriteMode", "dynamic")
    .config("spark.hadoop.fs.s3a.endpoint", endpoint)
    .config("spark.hadoop.fs.s3a.endpoint.region", "us-east-1")
    .config("spark.hadoop.fs.s3a.access.key", os.environ["AWS_ACCESS_KEY_ID"])
    .config("spark.hadoop.fs.s3a.secret.key", os.environ["AWS_SECRET_ACCESS_KEY"])
    .config("spark.hadoop.fs.s3a.path.style.access", "true")
    .config("spark.hadoop.fs.s3a.connection.ssl.enabled", "false")
    .config("spark.hadoop.fs.s3a.multipart.size", "5M")
    .config("spark.hadoop.fs.s3a.attempts.maximum", "2")
    .config("spark.hadoop.fs.s3a.retry.limit", "2")
    .config("spark.hadoop.fs.gs.impl", "org.apache.hadoop.fs.s3a.S3AFileSystem")
    .config("spark.hadoop.fs.AbstractFileSystem.gs.impl", "org.apache.hadoop.fs.s3a.S3A")
    .config("spark.hadoop.fs.s3a.committer.magic.enabled", "true")
    .config(
        "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3a",
        "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory",
    )
    .getOrCreate()
)
session.sparkContext.setLogLevel("ERROR")
hadoop = session.sparkContext._jsc.hadoopConfiguration()
jvm = session.sparkContext._jvm


def path(uri):
    return jvm.org.apache.hadoop.fs.Path(uri)


def file_system(uri):
    return path(uri).getFileSystem(hadoop)


def step(name):
    print(f"step {name}", flush=True)


def rows(begin, end):
    return session.range(begin, end).select(
        col("id"), (col("id") % 3 + 2022).cast("int").alias("year"), (col("id") * 2).alias("twice")
    )


step("write")
table = "s3a://lake/table"
rows(0, 300).repartition(2).write.partitionBy("year").parquet(table)
found = session.read.parquet(table)
assert found.count() == 300, found.count()
assert found.where("year = 2023").count() == 100

step("append")
rows(300, 330).write.mode("append").partitionBy("year").parquet(table)
assert session.read.parquet(table).count() == 330

step("overwrite partitions")
rows(0, 30).where("year = 2023").write.mode("overwrite").partitionBy("year").parquet(table)
after = {row["year"]: row["count"] for row in session.read.parquet(table).groupBy("year").count().collect()}
assert after == {2022: 110, 2023: 10, 2024: 110}, after

step("rename within a store, and from one to the other")
fs = file_system("s3a://lake/")
assert fs.rename(path("s3a://lake/table/year=2024"), path("s3a://lake/moved"))
assert not fs.exists(path("s3a://lake/table/year=2024"))
assert session.read.parquet("s3a://lake/moved").count() == 110
fs.mkdirs(path("s3a://lake/cold/arrived"))
assert fs.rename(path("s3a://lake/moved"), path("s3a://lake/cold/arrived/2024"))
assert session.read.parquet("s3a://lake/cold/arrived/2024").count() == 110
assert [s.getPath().getName() for s in fs.listStatus(path("s3a://lake/cold/arrived"))] == ["2024"]
assert fs.delete(path("s3a://lake/cold/arrived"), True)
assert not fs.exists(path("s3a://lake/cold/arrived"))

step("a large object, in parts")
out = fs.create(path("s3a://lake/large.bin"))
chunk = bytearray(b"sluice!!" * 131072)
for _ in range(12):
    out.write(chunk)
out.close()
assert fs.getFileStatus(path("s3a://lake/large.bin")).getLen() == 12 * len(chunk)
handle = fs.open(path("s3a://lake/large.bin"))
handle.seek(7 * len(chunk) + 1)
assert handle.read() == ord("l")
handle.close()

step("gs:// paths")
rows(0, 50).write.mode("overwrite").parquet("gs://old-gs-bucket/events")
assert session.read.parquet("gs://old-gs-bucket/events").count() == 50

step("a Delta table")
delta = "s3a://lake/delta"
rows(0, 100).write.format("delta").save(delta)
rows(100, 150).write.format("delta").mode("append").save(delta)
session.sql(f"DELETE FROM delta.`{delta}` WHERE id < 10")
assert session.read.format("delta").load(delta).count() == 140
assert session.read.format("delta").option("versionAsOf", 0).load(delta).count() == 100

for committer in ["magic", "directory"]:
    step(f"the {committer} committer")
    session.sparkContext.parallelize([("k%d" % i, "v") for i in range(100)], 4).saveAsNewAPIHadoopFile(
        f"s3a://lake/committed/{committer}",
        "org.apache.hadoop.mapreduce.lib.output.TextOutputFormat",
        keyClass="org.apache.hadoop.io.Text",
        valueClass="org.apache.hadoop.io.Text",
        conf={
            "fs.s3a.committer.name": committer,
            "fs.s3a.committer.magic.enabled": "true",
            "fs.s3a.committer.staging.tmp.path": f"file://{os.environ['TMPDIR']}/staging",
            "fs.s3a.buffer.dir": os.environ["TMPDIR"],
        },
    )
    lines = session.sparkContext.textFile(f"s3a://lake/committed/{committer}").count()
    assert lines == 100, lines
    success = fs.open(path(f"s3a://lake/committed/{committer}/_SUCCESS"))
    text = bytes(success.readAllBytes()).decode()
    success.close()
    # The classic committer leaves an empty file, those of S3A a report.
    assert f'"committer":"{committer}"' in text.replace(" ", ""), text[:300]

step("done")
session.stop()
sys.exit(0)
