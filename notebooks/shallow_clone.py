# Databricks notebook source
# Makes a Delta table appear at target_path as it is at source_path, without copying its data. Sluice runs this notebook
# by the Jobs API for each table that a commit changed; source_path names the commit, so it never moves under the run.
source_path = dbutils.widgets.get("source_path")
target_path = dbutils.widgets.get("target_path")

# COMMAND ----------

from delta.tables import DeltaTable

# With replace, a table that an earlier commit left at target_path gets one more version instead of being in the way.
DeltaTable.forPath(spark, source_path).clone(target=target_path, isShallow=True, replace=True)
