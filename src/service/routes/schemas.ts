/** JSON schemas of what the API takes and gives; the OpenAPI document is made of them. */
const text = { type: 'string' } as const;
const time = { type: 'integer', description: 'milliseconds since 1970' } as const;
const open = { type: 'object', additionalProperties: true } as const;

export const JOB_STATUSES = ['STARTED', 'TRANSFERRING', 'SUCCESS', 'FAILED', 'CANCELED'] as const;
export const PART_STATUSES = ['PENDING', 'TRANSFERRING', 'SUCCESS', 'FAILED', 'CANCELED', 'SKIPPED'] as const;

export const failure = {
  type: 'object',
  properties: { code: text, message: text },
} as const;

export const errorAnswer = {
  type: 'object',
  properties: { error: failure },
} as const;

const progress = {
  type: 'object',
  properties: {
    counts: { type: 'object', additionalProperties: { type: 'number' } },
    parts: { type: 'object', additionalProperties: { type: 'integer' } },
    planned: { type: 'boolean' },
  },
} as const;

export const job = {
  type: 'object',
  additionalProperties: true,
  properties: {
    id: text,
    kind: text,
    spec: open,
    status: { type: 'string', enum: JOB_STATUSES },
    createdAt: time,
    startedAt: time,
    completedAt: time,
    progress,
    error: failure,
    report: {},
    attempts: { type: 'integer' },
    interrupted: { type: 'boolean' },
  },
} as const;

export const part = {
  type: 'object',
  additionalProperties: true,
  properties: {
    id: text,
    label: text,
    status: { type: 'string', enum: PART_STATUSES },
    attempts: { type: 'integer' },
    counts: { type: 'object', additionalProperties: { type: 'number' } },
    error: failure,
    skipped: text,
  },
} as const;

export const idParams = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', minLength: 1, maxLength: 128 } },
} as const;

export const errors = {
  400: errorAnswer,
  401: errorAnswer,
  403: errorAnswer,
  404: errorAnswer,
  409: errorAnswer,
  429: errorAnswer,
} as const;
