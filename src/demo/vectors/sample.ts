import { createHash } from 'node:crypto';
import { floatBytes, type VectorObject } from '../../vectors/object.ts';
import type { ClassSchema } from '../../vectors/schema.ts';
import type { VectorDatabase } from './database.ts';

/** A UUID that is the same in every run. */
export function sampleUuid(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** A vector of length 1 that is the same in every run. */
function sampleVector(name: string, size: number): Uint8Array {
  const hash = createHash('sha512').update(name).digest();
  const values = Array.from({ length: size }, (_, i) => (hash[i % 64]! - 127.5 + Math.floor(i / 64)) / 128);
  const length = Math.hypot(...values);
  return floatBytes(values.map((value) => value / length));
}

export const sampleSchemas: ClassSchema[] = [
  {
    class: 'Author',
    vectorizer: 'none',
    properties: [
      { name: 'name', dataType: ['text'] },
      { name: 'born', dataType: ['date'] },
      { name: 'home', dataType: ['geoCoordinates'] },
      { name: 'phone', dataType: ['phoneNumber'] },
    ],
  },
  {
    class: 'Article',
    vectorizer: 'none',
    properties: [
      { name: 'title', dataType: ['text'] },
      { name: 'tags', dataType: ['text[]'] },
      { name: 'words', dataType: ['int'] },
      { name: 'score', dataType: ['number'] },
      { name: 'published', dataType: ['boolean'] },
      { name: 'at', dataType: ['date'] },
      { name: 'key', dataType: ['uuid'] },
      { name: 'thumbnail', dataType: ['blob'] },
      { name: 'counts', dataType: ['int[]'] },
      { name: 'weights', dataType: ['number[]'] },
      { name: 'flags', dataType: ['boolean[]'] },
      { name: 'dates', dataType: ['date[]'] },
      { name: 'keys', dataType: ['uuid[]'] },
      {
        name: 'source',
        dataType: ['object'],
        nestedProperties: [
          { name: 'site', dataType: ['text'] },
          { name: 'visits', dataType: ['int'] },
          {
            name: 'page',
            dataType: ['object'],
            nestedProperties: [{ name: 'numbers', dataType: ['number[]'] }],
          },
        ],
      },
      {
        name: 'comments',
        dataType: ['object[]'],
        nestedProperties: [
          { name: 'text', dataType: ['text'] },
          { name: 'at', dataType: ['date'] },
        ],
      },
      { name: 'authors', dataType: ['Author'] },
      { name: 'about', dataType: ['Author', 'Article'] },
    ],
  },
  {
    class: 'Passage',
    vectorConfig: {
      title: { vectorizer: { none: {} }, vectorIndexType: 'hnsw' },
      tokens: {
        vectorizer: { none: {} },
        vectorIndexType: 'hnsw',
        vectorIndexConfig: { multivector: { enabled: true } },
      },
    },
    properties: [{ name: 'text', dataType: ['text'] }],
  },
  {
    class: 'Note',
    vectorizer: 'none',
    multiTenancyConfig: { enabled: true },
    properties: [{ name: 'text', dataType: ['text'] }],
  },
  { class: 'Draft', vectorizer: 'none', properties: [{ name: 'text', dataType: ['text'] }] },
];

export interface SampleObject {
  class: string;
  tenant?: string;
  object: VectorObject;
}

/** Tenants of Note, and the state each is left in. */
export const sampleTenants = { amsterdam: 'HOT', berlin: 'HOT', cairo: 'COLD', 'delhi-empty': 'HOT' };

/** When the sample was written, milliseconds since 1970. */
const SAMPLE_TIME = Date.UTC(2026, 0, 1);

const base = (id: string) => ({ id, created: 0, updated: 0 });
const author = (i: number): string => sampleUuid(`author ${i}`);
const article = (i: number): string => sampleUuid(`article ${i}`);
const time = (i: number): string =>
  new Date(1_700_000_000_000 + i * 3_600_000).toISOString().replace('.000Z', 'Z');

/** Objects of every property type, with gaps as real data has them. Authors come before those who refer to them. */
export function* sampleObjects(articles = 200): Generator<SampleObject> {
  for (let i = 0; i < 10; i++) {
    yield {
      class: 'Author',
      object: {
        ...base(author(i)),
        vector: sampleVector(`author ${i}`, 8),
        properties: {
          name: `Author ${i} — ${['Łukasz', 'Zoë', '田中', 'Ünal 🦉'][i % 4]}`,
          // The second has its own time zone and nanoseconds.
          born: i % 2 ? '1970-01-01T12:00:00.123456789+02:00' : '1899-12-31T23:59:59.5Z',
          home: { latitude: Math.fround(52.37 + i / 10), longitude: Math.fround(4.9 - i) },
          ...(i % 3
            ? {
                phone: {
                  input: `020 123456${i}`,
                  defaultCountry: 'NL',
                  valid: true,
                  national: 201234560 + i,
                },
              }
            : {}),
        },
      },
    };
  }
  for (let i = 0; i < articles; i++) {
    yield { class: 'Article', object: sampleArticle(i) };
  }
  for (let i = 0; i < 30; i++) {
    yield {
      class: 'Passage',
      object: {
        ...base(sampleUuid(`passage ${i}`)),
        vectors: { title: sampleVector(`title ${i}`, 4) },
        ...(i % 5
          ? { multiVectors: { tokens: [0, 1, 2].map((j) => sampleVector(`token ${i} ${j}`, 2)) } }
          : {}),
        properties: { text: `Passage ${i}` },
      },
    };
  }
  for (const [t, tenant] of ['amsterdam', 'berlin', 'cairo'].entries()) {
    for (let i = 0; i < 20 * (t + 1); i++) {
      yield {
        class: 'Note',
        tenant,
        object: {
          ...base(sampleUuid(`note ${tenant} ${i}`)),
          vector: sampleVector(`note ${i}`, 4),
          properties: { text: `Note ${i} of ${tenant}` },
        },
      };
    }
  }
}

function sampleArticle(i: number): VectorObject {
  return {
    ...base(article(i)),
    ...(i % 10 === 9 ? {} : { vector: sampleVector(`article ${i}`, 8) }),
    properties: {
      title: `Article ${i}: ${'déjà vu '.repeat(i % 3)}`,
      tags: i % 4 ? ['news', `tag ${i % 7}`] : [],
      words: i * 1000 - 5,
      score: i / 7,
      published: i % 2 === 0,
      at: time(i),
      key: sampleUuid(`key ${i}`),
      ...(i % 5 === 0 ? { thumbnail: Buffer.from(`picture ${i}`).toString('base64') } : {}),
      counts: [i, -1 - i, 2 ** 40 + i],
      weights: [i / 3, -0.25],
      flags: [true, i % 3 === 0],
      dates: [time(i), time(i + 1)],
      keys: [sampleUuid(`a ${i}`), sampleUuid(`b ${i}`)],
      source: { site: `site${i % 5}.example`, ...(i % 2 ? { visits: i } : {}), page: { numbers: [1.5, i] } },
      comments: i % 3 ? [{ text: `good ${i}`, at: time(i) }, { text: 'bad' }] : [],
    },
    references: {
      authors: [{ id: author(i % 10), className: 'Author' }],
      ...(i % 2
        ? {
            about: [
              { id: author((i + 1) % 10), className: 'Author' },
              { id: article(0), className: 'Article' },
            ],
          }
        : {}),
    },
  };
}

/** Puts the sample into a database in memory. */
export function fillSample(database: VectorDatabase, articles?: number): void {
  for (const schema of sampleSchemas) database.createClass(structuredClone(schema));
  database.putTenants(
    'Note',
    Object.keys(sampleTenants).map((name) => ({ name })),
  );
  let time = SAMPLE_TIME;
  for (const { class: name, tenant, object } of sampleObjects(articles)) {
    database.put(name, tenant, object, time++);
  }
  database.putTenants(
    'Note',
    Object.entries(sampleTenants).map(([name, activityStatus]) => ({ name, activityStatus })),
  );
}
