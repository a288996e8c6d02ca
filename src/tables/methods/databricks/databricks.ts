import { createHash } from 'node:crypto';
import { runNotebook } from '../../databricks/jobs.ts';
import { JOB_POLLING, type Polling } from '../../databricks/polling.ts';
import type { ExportRequest, Method } from '../../method.ts';
import type { RestClient } from '../../rest.ts';
import { clonePath, cloneResult, SOURCE_TEMPLATE } from '../clone-result.ts';

export interface DatabricksSettings {
  clusterId: string;
  notebookPath: string;
  /** Where Spark finds the table: `{repository}`, `{commit}` and `{path}` are replaced. */
  sourceTemplate?: string;
  polling?: Polling;
  /** Tells a repeated attempt (a new run) from a repeated request (the same run). */
  attempt: string;
}

/** A shallow clone by the workspace's own Delta: a notebook with `source_path` and `target_path`, run by the Jobs API. */
export function databricksMethod(rest: RestClient, settings: DatabricksSettings): Method {
  return {
    name: 'databricks',
    async export(request, context) {
      const sourcePath = clonePath(settings.sourceTemplate ?? SOURCE_TEMPLATE, request);
      const { runId, page } = await runNotebook(
        rest,
        {
          runName: runName(request),
          clusterId: settings.clusterId,
          notebookPath: settings.notebookPath,
          parameters: { source_path: sourcePath, target_path: request.target.uri },
          idempotencyToken: token(sourcePath, request.target.uri, settings.attempt),
        },
        settings.polling ?? JOB_POLLING,
        context.signal,
      );
      return await cloneResult('databricks', request, { runId, page }, context);
    },
  };
}

function runName({ source }: ExportRequest): string {
  return `sluice ${source.repository}/${source.branch} ${source.root} at ${source.commit.slice(0, 12)}`;
}

const token = (...parts: string[]): string =>
  createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 64);
