import { SluiceError } from '../../base/errors.ts';
import type { JobContext } from '../../jobs/kind.ts';
import type { Catalog } from '../catalogs/catalog.ts';
import { DatabricksCatalog } from '../catalogs/databricks.ts';
import { UnityCatalog } from '../catalogs/unity/catalog.ts';
import { parseUnityConnection, unityRest } from '../catalogs/unity/connection.ts';
import { databricksRest, parseDatabricksConnection } from '../databricks/connection.ts';
import { JOB_POLLING, SQL_POLLING } from '../databricks/polling.ts';
import type { Descriptor } from '../descriptors.ts';
import type { Method } from '../method.ts';
import { copy } from '../methods/copy/copy.ts';
import { databricksMethod } from '../methods/databricks/databricks.ts';
import { native } from '../methods/native/native.ts';
import { sparkMethod } from '../methods/spark/spark.ts';
import type { MethodName, TableExportSpec } from './spec.ts';

/** @param attempt tells a new attempt from a repeated request of the same one */
export function methodFor(
  name: MethodName,
  spec: TableExportSpec,
  attempt: string,
  context: JobContext,
): Method {
  if (name === 'native') return native;
  if (name === 'copy') return copy;
  if (name === 'spark') {
    const { command, timeout } = spec.spark!;
    return sparkMethod({ command, sourceTemplate: spec.source_template, timeout: timeout * 1000 });
  }
  const { connection, cluster_id, notebook_path, timeout } = spec.databricks!;
  return databricksMethod(databricksRest(parseDatabricksConnection(context.connections.named(connection))), {
    clusterId: cluster_id!,
    notebookPath: notebook_path!,
    sourceTemplate: spec.source_template,
    polling: { ...JOB_POLLING, timeout: timeout * 1000 },
    attempt,
  });
}

/** @returns undefined when tables are files only */
export function catalogFor(
  spec: TableExportSpec,
  descriptor: Descriptor | undefined,
  context: JobContext,
): Catalog | undefined {
  if (!spec.catalog) return undefined;
  const connection = context.connections.named(spec.catalog.connection);
  const name = spec.catalog.name ?? descriptor?.catalog ?? 'main';
  if (connection.type === 'unity') {
    const rest = unityRest(parseUnityConnection(connection));
    return new UnityCatalog(rest, name, { replaceColumns: spec.catalog.replace_columns });
  }
  if (connection.type !== 'databricks') {
    throw new SluiceError(
      'BAD_CONFIG',
      `The catalog's connection "${connection.name}" is of type ${connection.type}; it must be unity or databricks.`,
    );
  }
  const warehouse = spec.databricks?.warehouse_id ?? connection.warehouse_id;
  if (typeof warehouse !== 'string') {
    throw new SluiceError(
      'BAD_CONFIG',
      `Tables are registered in Databricks by a SQL warehouse: give "warehouse_id" under "databricks" or in the connection "${connection.name}".`,
    );
  }
  const rest = databricksRest(parseDatabricksConnection(connection));
  const timeout = (spec.databricks?.sql_timeout ?? 600) * 1000;
  return new DatabricksCatalog(rest, warehouse, name, { ...SQL_POLLING, timeout });
}
