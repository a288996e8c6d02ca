import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { installed } from './install.ts';

const DEPLOY = join(import.meta.dirname, '../../deploy');
/** The oldest Kubernetes that docs/deploy.md names, and the newest that the validator knows. */
const KUBERNETES = ['1.25', '1.37'];

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

function run(command: string, args: string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd: DEPLOY, maxBuffer: 1e8 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(error);
      else resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
  });
}

describe('deploy/, by the official schemas', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-deploy-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const changed = (text: string, from: string, to: string): string => {
    assert.ok(text.includes(from), from);
    const path = join(folder, `${from.replace(/\W/g, '')}.yaml`);
    writeFileSync(path, text.replace(from, to));
    return path;
  };

  describe('the compose file', () => {
    const text = readFileSync(join(DEPLOY, 'compose.yaml'), 'utf8');
    // Variables stay as they are: test/deploy looks at what they become.
    const validate = async (path: string) =>
      run(await installed('compose-spec'), ['-no-interpolation', path]);

    it('is as the Compose Specification says', async () => {
      const { code, stderr } = await validate('compose.yaml');
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    });

    it('would be refused with a field or a value that does not exist', async () => {
      const field = await validate(changed(text, 'read_only:', 'readonly:'));
      assert.match(field.stderr, /readonly/);
      assert.equal(field.code, 1);
      const value = await validate(changed(text, 'service_healthy', 'service_well'));
      assert.match(value.stderr, /condition/);
      assert.equal(value.code, 1);
    });
  });

  describe('the Kubernetes manifests', () => {
    let built = '';
    before(async () => {
      const { code, stdout, stderr } = await run(await installed('kustomize'), ['build', 'kubernetes']);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      built = join(folder, 'built.yaml');
      writeFileSync(built, stdout);
    });

    /** What is wrong, a line each. A kind that has no schema is wrong, too. */
    const validate = async (path: string) => {
      const versions = KUBERNETES.flatMap((version) => ['-k', version]);
      const { stdout, stderr } = await run(await installed('python'), [
        ...['-m', 'kubernetes_validate', '--strict', ...versions, path],
      ]);
      assert.equal(stderr, '');
      const lines = stdout.trim().split('\n');
      assert.equal(lines.length, KUBERNETES.length * parseAllDocuments(readFileSync(path, 'utf8')).length);
      return lines.filter((line) => !/^INFO .* passed for resource /.test(line));
    };

    it('are as Kubernetes says, as kustomize puts them together', async () => {
      assert.deepEqual(await validate(built), []);
      assert.deepEqual(await validate(join(DEPLOY, 'kubernetes/secret.example.yaml')), []);
    });

    it('have the image and the namespace of the kustomization', () => {
      for (const document of parseAllDocuments(readFileSync(built, 'utf8'))) {
        const { kind, metadata, spec } = document.toJS();
        if (kind !== 'Namespace') assert.equal(metadata.namespace, 'sluice', metadata.name);
        for (const { image } of spec?.template?.spec.containers ?? []) {
          assert.equal(image, 'registry.example.com/sluice:latest');
        }
      }
    });

    it('would be refused with a field, a value or a kind that does not exist', async () => {
      const text = readFileSync(built, 'utf8');
      for (const [from, to, said] of [
        ['readOnlyRootFilesystem', 'readonlyRootFilesystem', /'readonlyRootFilesystem' was unexpected/],
        ['minReplicas: 2', 'minReplicas: two', /spec\.minReplicas: 'two' is not of type/],
        ['autoscaling/v2', 'autoscaling/v9', /Couldn't find schema/],
      ] as const) {
        const wrong = await validate(changed(text, from, to));
        assert.equal(wrong.length, KUBERNETES.length);
        for (const line of wrong) assert.match(line, said);
      }
    });
  });
});
