# Databricks notebook source
# Makes a Delta table appear at target_path as it is at source_path, without copying its data. Sluice runs this notebook
# by the Jobs API for each table that a commit changed; source_path names the commit, so it never moves under the run.
source_path = dbutils.widgets.get("source_path")
target_path = dbutils.widgets.get("target_path")

# COMMAND ----------

from delta.tables import DeltaTable


def clone():
    DeltaTable.forPath(spark, source_path).clone(target=target_path, isShallow=True, replace=True)


try:
    # On Databricks the clone that an earlier commit left at target_path gets one more version, in one step.
    clone()
except Exception as error:
    # Open-source Delta replaces empty tables only: empty it first, and bring it back should the clone fail.
    if "NON_EMPTY_CLONE" not in str(error):
        raise
    target = DeltaTable.forPath(spark, target_path)
    version = target.history(1).head().version
    target.delete()
    try:
        clone()
    except Exception:
        target.restoreToVersion(version)
        raise
