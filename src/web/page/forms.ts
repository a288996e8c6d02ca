/** A field of a form; `name` is the setting's own, with a dot for one inside another. */
export interface Field {
  name: string;
  label: string;
  type: 'text' | 'flag' | 'choice' | 'list' | 'number';
  help?: string;
  example?: string;
  needed?: boolean;
  /** Of a choice; the first is the default. */
  choices?: readonly string[];
  /** Of a flag. */
  on?: boolean;
  /** Seldom needed: shown when asked for. */
  more?: boolean;
}

/** The settings of every kind of job that a form offers; all others can be given as JSON. */
export const FORMS: Record<string, { title: string; about: string; fields: readonly Field[] }> = {
  'lake-export': {
    title: 'Lake export',
    about:
      'Copies a commit, tag or branch of lakeFS to an object store or a folder, and checks that all of it arrived.',
    fields: [
      {
        name: 'source',
        label: 'Source',
        type: 'text',
        needed: true,
        example: 'lakefs://repository/main/folder/',
        help: 'A ref, and a folder in it if only that is wanted. It is pinned to its commit.',
      },
      {
        name: 'destination',
        label: 'Destination',
        type: 'text',
        needed: true,
        example: 's3://bucket/folder',
        help: 's3://, gs://, az:// or a folder. Objects are written below it.',
      },
      {
        name: 'since',
        label: 'Since',
        type: 'text',
        example: 'last',
        help: 'A commit, or "last" for what changed since the last export to this destination. Empty: everything.',
      },
      {
        name: 'name',
        label: 'Name',
        type: 'text',
        example: 'default',
        help: 'Tells exports apart that share a destination.',
      },
      { name: 'verify', label: 'Verify what arrived', type: 'flag', on: true },
      {
        name: 'deletes',
        label: 'Delete what the lake no longer has',
        type: 'flag',
        on: true,
        help: 'Only what an earlier export wrote.',
      },
      { name: 'prefix', label: 'Prefix', type: 'text', help: 'Only paths that begin with it.', more: true },
      {
        name: 'include',
        label: 'Include',
        type: 'list',
        example: '**/*.parquet',
        help: 'Globs, one a line.',
        more: true,
      },
      {
        name: 'exclude',
        label: 'Exclude',
        type: 'list',
        example: '_temporary/**',
        help: 'Globs, one a line.',
        more: true,
      },
      {
        name: 'via',
        label: 'Way of the bytes',
        type: 'choice',
        choices: ['auto', 'copy', 'store', 'presign', 'lakefs'],
        more: true,
      },
      {
        name: 'onConflict',
        label: 'Where another object is in the way',
        type: 'choice',
        choices: ['overwrite', 'skip', 'fail'],
        more: true,
      },
      { name: 'marker', label: 'Marker', type: 'choice', choices: ['sluice', 'lakefs', 'none'], more: true },
      { name: 'uncommitted', label: 'With what is not committed yet', type: 'flag', more: true },
      { name: 'lakeConnection', label: 'Connection of the lake', type: 'text', more: true },
      { name: 'destinationConnection', label: 'Connection of the destination', type: 'text', more: true },
    ],
  },
  'table-export': {
    title: 'Table export',
    about: 'Brings Delta tables of a lakeFS branch to plain object storage, and into a catalog.',
    fields: [
      { name: 'source', label: 'Source', type: 'text', needed: true, example: 'lakefs://repository/main' },
      {
        name: 'target_base_location',
        label: 'Target base location',
        type: 'text',
        needed: true,
        example: 's3://tables/lake',
        help: 'Tables are written below it, by repository, branch and name.',
      },
      {
        name: 'tables',
        label: 'Tables',
        type: 'list',
        help: 'Names, one a line. Empty: every table that has a descriptor.',
      },
      { name: 'all', label: 'Tables that did not change, too', type: 'flag' },
      { name: 'method', label: 'Method', type: 'choice', choices: ['native', 'copy', 'databricks', 'spark'] },
      {
        name: 'catalog.connection',
        label: 'Connection of the catalog',
        type: 'text',
        help: 'Of type unity or databricks. Empty: files only.',
      },
      { name: 'catalog.name', label: "Catalog's name", type: 'text', more: true },
      { name: 'catalog.schema', label: 'Schema', type: 'text', example: '{branch}', more: true },
      {
        name: 'branch',
        label: 'Branch to export under',
        type: 'text',
        help: 'Empty: that of the source.',
        more: true,
      },
      {
        name: 'table_descriptors_path',
        label: 'Folder of the descriptors',
        type: 'text',
        example: '_lakefs_tables',
        more: true,
      },
      {
        name: 'on_delete',
        label: 'Tables that were deleted',
        type: 'choice',
        choices: ['keep', 'drop'],
        more: true,
      },
      {
        name: 'retention_days',
        label: 'Days that old versions are kept',
        type: 'number',
        example: '7',
        more: true,
      },
      { name: 'lake_connection', label: 'Connection of the lake', type: 'text', more: true },
      { name: 'target_connection', label: 'Connection of the target', type: 'text', more: true },
    ],
  },
  'vector-export': {
    title: 'Vector export',
    about: 'Writes classes of a Weaviate, objects and vectors, to Parquet files.',
    fields: [
      {
        name: 'weaviate',
        label: 'Weaviate',
        type: 'text',
        needed: true,
        example: 'http://127.0.0.1:8080',
        help: 'Its address, or the name of a connection.',
      },
      {
        name: 'destination',
        label: 'Destination',
        type: 'text',
        needed: true,
        example: 's3://bucket/vectors',
      },
      {
        name: 'id',
        label: 'Id of the export',
        type: 'text',
        needed: true,
        example: 'nightly-1',
        help: 'Names its folder: a-z, 0-9, _ and -.',
      },
      { name: 'include', label: 'Classes', type: 'list', help: 'Globs, one a line. Empty: all.' },
      { name: 'layout', label: 'Layout', type: 'choice', choices: ['typed', 'weaviate'] },
      { name: 'verify', label: 'Verify', type: 'choice', choices: ['sample', 'full', 'none'] },
      { name: 'vectors', label: 'With vectors', type: 'flag', on: true },
      { name: 'exclude', label: 'Not these classes', type: 'list', more: true },
      { name: 'tenants', label: 'Tenants', type: 'list', more: true },
      {
        name: 'compression',
        label: 'Compression',
        type: 'choice',
        choices: ['zstd', 'snappy', 'gzip', 'none'],
        more: true,
      },
      { name: 'activateTenants', label: 'Activate tenants that are not', type: 'flag', more: true },
      {
        name: 'since',
        label: 'Since',
        type: 'text',
        help: 'Folder of an earlier export: only what changed.',
        more: true,
      },
      { name: 'connection', label: 'Connection of the destination', type: 'text', more: true },
    ],
  },
  'vector-import': {
    title: 'Vector import',
    about: 'Brings exported files back into a Weaviate.',
    fields: [
      {
        name: 'source',
        label: 'Source',
        type: 'text',
        needed: true,
        example: 's3://bucket/vectors/nightly-1',
      },
      {
        name: 'weaviate',
        label: 'Weaviate',
        type: 'text',
        needed: true,
        example: 'http://127.0.0.1:8080',
        help: 'Its address, or the name of a connection.',
      },
      { name: 'id', label: 'Id of the import', type: 'text', needed: true, example: 'restore-1' },
      {
        name: 'reports',
        label: 'Reports',
        type: 'text',
        needed: true,
        example: 's3://bucket/imports',
        help: 'Where the report and what was rejected go.',
      },
      { name: 'include', label: 'Classes', type: 'list', help: 'Globs, one a line. Empty: all.' },
      {
        name: 'onConflict',
        label: 'Objects that are there already',
        type: 'choice',
        choices: ['skip', 'overwrite', 'fail'],
      },
      { name: 'verify', label: 'Verify', type: 'choice', choices: ['sample', 'none'] },
      { name: 'exclude', label: 'Not these classes', type: 'list', more: true },
      { name: 'connection', label: 'Connection of the source', type: 'text', more: true },
    ],
  },
};
