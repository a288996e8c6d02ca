import { LakeFailure } from './failure.ts';
import { paged, type Reply, type Request, type Route, route } from './http.ts';
import type { FindRepository } from './ref-routes.ts';
import type { Repository } from './repository.ts';

/** Repositories, the server's configuration, and committed metadata. */
export function repositoryRoutes(
  find: FindRepository,
  repositories: ReadonlyMap<string, Repository>,
): Route[] {
  const base = '/repositories/:repository';
  const shown = (repository: Repository) => ({
    creation_date: repository.creationDate,
    default_branch: repository.defaultBranch,
    id: repository.id,
    read_only: false,
    storage_id: '',
    storage_namespace: repository.storage.namespace,
  });
  const metadata = async (request: Request): Promise<Reply> => {
    const { storage } = find(request.params.repository!);
    const id = request.params.id!;
    if (request.query.get('presign') === 'true') {
      if (!storage.presign)
        throw new LakeFailure(400, `${storage.type} adapter presigned URL: operation not supported`);
      return { status: 302, headers: { location: await storage.presign(`_lakefs/${id}`, false, 'GET') } };
    }
    const bytes = await storage.metadata(id);
    return { bytes, headers: { 'content-type': 'application/octet-stream' } };
  };
  return [
    route('GET', '/config', () => ({ json: configOf(repositories.values().next().value) })),
    route('GET', '/repositories', ({ query }) => {
      const after = query.get('after') ?? '';
      const all = [...repositories.values()].filter(({ id }) => id > after).map(shown);
      return paged(all, false, ({ id }) => id);
    }),
    route('GET', base, ({ params }) => ({ json: shown(find(params.repository!)) })),
    route('GET', `${base}/metadata/meta_range/:id`, ({ params }) => {
      find(params.repository!);
      const location = `_lakefs/${params.id}`;
      return { json: { location }, headers: { location } };
    }),
    route('GET', `${base}/metadata/object/meta_range/:id`, metadata),
    route('GET', `${base}/metadata/object/range/:id`, metadata),
  ];
}

function configOf(repository: Repository | undefined): object {
  const storage = repository?.storage;
  const type = storage?.type ?? 'local';
  const presign = storage?.presign !== undefined;
  return {
    capabilities_config: {},
    storage_config: {
      blockstore_description: '',
      blockstore_id: '',
      blockstore_namespace_ValidityRegex: `^${type}://`,
      blockstore_namespace_example: `${type}://example-bucket/`,
      blockstore_type: type,
      default_namespace_prefix: `${type}://`,
      import_support: type !== 'local',
      import_validity_regex: `^${type}://`,
      pre_sign_multipart_upload: storage?.uploads !== undefined,
      pre_sign_support: presign,
      pre_sign_support_ui: presign,
    },
    storage_config_list: [],
    ui_config: {},
    version_config: { version: 'dev', version_context: 'lakeFS' },
  };
}
