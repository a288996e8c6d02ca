"""Shallow clone of a Delta table by open-source Spark with Delta, as a command:

    spark-submit --packages io.delta:delta-spark_2.13:4.0.0 spark_shallow_clone.py --source URI --target URI

Settings of Spark (per-bucket S3A endpoints, credentials) come from spark-submit or spark-defaults.conf.
"""
import argparse

from pyspark.sql import SparkSession


def clone(spark, source, target):
    from delta.tables import DeltaTable

    def once():
        DeltaTable.forPath(spark, source).clone(target=target, isShallow=True, replace=True)

    if not DeltaTable.isDeltaTable(spark, target):
        once()
        return
    # Open-source Delta replaces empty tables only: empty it first, and bring it back should the clone fail.
    earlier = DeltaTable.forPath(spark, target)
    version = earlier.history(1).head().version
    earlier.delete()
    try:
        once()
    except Exception:
        earlier.restoreToVersion(version)
        raise


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", required=True, help="the table to clone, such as s3a://repository/commit/path")
    parser.add_argument("--target", required=True, help="where the clone is to be")
    parser.add_argument("--conf", action="append", default=[], metavar="NAME=VALUE", help="a setting of Spark")
    arguments = parser.parse_args()

    builder = (
        SparkSession.builder.appName(f"shallow clone to {arguments.target}")
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    )
    for setting in arguments.conf:
        builder = builder.config(*setting.split("=", 1))
    spark = builder.getOrCreate()

    clone(spark, arguments.source, arguments.target)
    spark.stop()


if __name__ == "__main__":
    main()
