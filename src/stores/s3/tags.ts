import { createHash } from 'node:crypto';
import { checkKey } from '../checks.ts';
import type { ObjectTags } from '../store.ts';
import type { S3Client } from './client.ts';
import { escapeXml, readXml } from './xml.ts';

/** GetObjectTagging, PutObjectTagging and DeleteObjectTagging. */
export class S3Tags implements ObjectTags {
  readonly #client: S3Client;

  constructor(client: S3Client) {
    this.#client = client;
  }

  async get(key: string): Promise<Record<string, string>> {
    const answer = await this.#client.send({ ...this.#request('read the tags of', key), method: 'GET' });
    const tags: Record<string, string> = {};
    let name = '';
    readXml(answer.body.toString(), {
      leaf(leaf, text, parent) {
        if (parent !== 'Tag') return;
        if (leaf === 'Key') name = text;
        else if (leaf === 'Value') tags[name] = text;
      },
    });
    return tags;
  }

  async set(key: string, tags: Record<string, string>): Promise<void> {
    const entries = Object.entries(tags).map(
      ([name, value]) => `<Tag><Key>${escapeXml(name)}</Key><Value>${escapeXml(value)}</Value></Tag>`,
    );
    const body = Buffer.from(`<Tagging><TagSet>${entries.join('')}</TagSet></Tagging>`);
    await this.#client.send({
      ...this.#request('tag', key),
      method: 'PUT',
      // S3 wants one of its checks on this body; all implementations know Content-MD5.
      headers: [
        ...['content-type', 'application/xml'],
        ...['content-md5', createHash('md5').update(body).digest('base64')],
      ],
      body,
      payload: createHash('sha256').update(body).digest('hex'),
    });
  }

  async delete(key: string): Promise<void> {
    await this.#client.send({ ...this.#request('remove the tags of', key), method: 'DELETE' });
  }

  #request(action: string, key: string) {
    checkKey(this.#client, key);
    return { store: this.#client.name, action, key, query: 'tagging=' };
  }
}
