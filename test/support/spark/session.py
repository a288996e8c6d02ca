"""A Spark session with Delta that does what it is told, a JSON request a line, until its input ends.

{"read": path, "version": n?} answers {"rows": [...]}; {"run": file, "widgets": {...}} runs a notebook's source file
cell by cell, as a workspace does, and answers {}; a failure answers {"error": first line, "trace": all of it}.
"""
import json
import sys
import traceback

from pyspark.sql import SparkSession

packages, ivy = sys.argv[1], sys.argv[2]
builder = (
    SparkSession.builder.master("local[2]")
    # Short-lived sessions on small tables: compiling and adapting costs more than it saves.
    .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    .config("spark.sql.adaptive.enabled", "false")
    .config("spark.jars.packages", packages)
    .config("spark.jars.ivy", ivy)
    .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
    .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.shuffle.partitions", "1")
    .config("spark.databricks.delta.snapshotPartitions", "1")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1")
)
for setting in sys.argv[3:]:
    builder = builder.config(*setting.split("=", 1))
spark = builder.getOrCreate()


class Widgets:
    def __init__(self, values):
        self.values = values

    def get(self, name):
        return self.values[name]


class DbUtils:
    def __init__(self, values):
        self.widgets = Widgets(values)


def answer(request):
    if "read" in request:
        reader = spark.read.format("delta")
        if "version" in request:
            reader = reader.option("versionAsOf", request["version"])
        return {"rows": reader.load(request["read"]).toJSON().collect()}
    if "sql" in request:
        return {"rows": spark.sql(request["sql"]).toJSON().collect()}
    with open(request["run"]) as source:
        cells = source.read().split("# COMMAND ----------")
    names = {"spark": spark, "dbutils": DbUtils(request["widgets"])}
    for cell in cells:
        exec(compile(cell, request["run"], "exec"), names)
    return {}


print(json.dumps({"ready": spark.version}), flush=True)
for line in sys.stdin:
    try:
        result = answer(json.loads(line))
    except Exception as error:
        lines = str(error).splitlines()
        # What the JVM said comes after a line about the call.
        said = lines[1] if len(lines) > 1 and lines[0].startswith("An error occurred while calling") else lines[0]
        result = {"error": said.lstrip(": "), "trace": traceback.format_exc()}
    print(json.dumps(result), flush=True)
