import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { allProblems } from '../../src/commands/problems.ts';
import { loadSettings } from '../../src/config/load.ts';

const DEPLOY = join(import.meta.dirname, '../../deploy');

/** A manifest, as far as it is looked at. */
interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels?: Record<string, string> };
  // What a kind holds is its own; each test reads what it needs.
  // biome-ignore lint/suspicious/noExplicitAny: YAML of many kinds
  [field: string]: any;
}

const read = (name: string): string => readFileSync(join(DEPLOY, name), 'utf8');

/** Mistakes that `sluice config check` finds in a configuration with these variables. */
async function mistakes(yaml: string, env: Record<string, string>): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-deploy-'));
  try {
    writeFileSync(join(folder, 'sluice.yaml'), yaml);
    const loaded = loadSettings({ env, cwd: folder });
    return (await allProblems(loaded)).map(({ line, message }) => `${line}: ${message}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('the compose file', () => {
  const compose = parse(read('compose.yaml'), { merge: true });
  const services = Object.entries(compose.services as Record<string, Manifest>);
  const own = services.filter(([, service]) => String(service.image).includes('sluice'));

  it('gives the containers every variable of their configuration, and the example names each', async () => {
    const example = Object.fromEntries(
      [...read('.env.example').matchAll(/^(?:# )?([A-Z0-9_]+)=(.*)$/gm)].map(([, name, value]) => [
        name!,
        value!,
      ]),
    );
    for (const [name, { environment }] of own) {
      const values: Record<string, string> = {};
      for (const [variable, text] of Object.entries(environment as Record<string, string>)) {
        const asked = /^\$\{([A-Z0-9_]+)(?::([-?])(.*))?\}$/.exec(text);
        if (asked?.[2] === '?') assert.ok(asked[1]! in example, `${asked[1]} is not in .env.example`);
        values[variable] = asked ? example[asked[1]!] || asked[3] || 'x' : text;
      }
      const { SLUICE_CONFIG, SLUICE_STATE, SLUICE_ENGINE, ...rest } = values;
      assert.equal(SLUICE_CONFIG, '/etc/sluice/sluice.yaml');
      assert.ok(SLUICE_STATE && SLUICE_ENGINE);
      assert.deepEqual(await mistakes(read('sluice.yaml'), rest), [], name);
    }
  });

  it('runs Sluice without rights, on a file system that is read-only, and looks after each container', () => {
    assert.deepEqual(
      own.map(([name]) => name),
      ['serve', 'gateway', 'worker'],
    );
    for (const [name, service] of own) {
      assert.equal(service.read_only, true, name);
      assert.deepEqual(service.cap_drop, ['ALL'], name);
      assert.ok(service.tmpfs.includes('/tmp') && service.healthcheck.test[0] === 'CMD', name);
      for (const port of service.ports ?? []) assert.match(port, /^127\.0\.0\.1:/, name);
    }
  });

  it('names only what it defines', () => {
    for (const [name, service] of services) {
      for (const each of service.volumes ?? []) assert.ok(each.split(':')[0] in compose.volumes, name);
      for (const { source } of service.configs ?? []) assert.ok(source in compose.configs, name);
      for (const other of Object.keys(service.depends_on ?? {})) {
        const needed = compose.services[other];
        const profiles: string[] = needed.profiles ?? service.profiles ?? [];
        assert.ok(
          (service.profiles ?? []).every((profile: string) => profiles.includes(profile)),
          name,
        );
      }
    }
  });
});

describe('the Kubernetes manifests', () => {
  const folder = join(DEPLOY, 'kubernetes');
  const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  const all = files.flatMap((name) =>
    parseAllDocuments(readFileSync(join(folder, name), 'utf8')).map((document) => {
      assert.deepEqual(document.errors, [], name);
      return document.toJS() as Manifest;
    }),
  );
  const named = (kind: string, name: string): Manifest => {
    const found = all.find((each) => each.kind === kind && each.metadata?.name === name);
    assert.ok(found, `there is no ${kind} ${name}`);
    return found;
  };
  const workloads = all.filter((each) => each.spec?.template);

  it('are listed for kustomize, all but the example of a Secret', () => {
    const { resources } = all.find(({ kind }) => kind === 'Kustomization')!;
    const expected = files.filter((name) => !['kustomization.yaml', 'secret.example.yaml'].includes(name));
    assert.deepEqual([...(resources as string[])].sort(), expected.sort());
  });

  it('are of the kinds that were asked for, each in the version that has it', () => {
    const kinds = Object.fromEntries(all.map(({ kind, apiVersion }) => [kind, apiVersion]));
    assert.equal(kinds.Deployment, 'apps/v1');
    assert.equal(kinds.DaemonSet, 'apps/v1');
    assert.equal(kinds.HorizontalPodAutoscaler, 'autoscaling/v2');
    assert.equal(kinds.PodDisruptionBudget, 'policy/v1');
    assert.deepEqual(
      workloads.map(({ metadata }) => metadata.name),
      ['sluice-gateway', 'sluice-serve', 'sluice-worker'],
    );
  });

  it('hold a configuration without mistakes, with the variables of the Secret', async () => {
    const secret = named('Secret', 'sluice').stringData as Record<string, string>;
    const { SLUICE_STATE, ...rest } = secret;
    assert.ok(SLUICE_STATE);
    assert.deepEqual(await mistakes(named('ConfigMap', 'sluice').data['sluice.yaml'], secret), []);
    const { GATEWAY_SECRET_KEY: _left, ...lacking } = rest;
    assert.notDeepEqual(await mistakes(named('ConfigMap', 'sluice').data['sluice.yaml'], lacking), []);
  });

  for (const workload of workloads) {
    it(`${workload.metadata.name} runs as nobody in particular, is probed, and refers to what is there`, () => {
      const { selector, template } = workload.spec;
      assert.deepEqual(selector.matchLabels, template.metadata.labels);
      const pod = template.spec;
      assert.equal(pod.securityContext.runAsNonRoot, true);
      // Else the names of Services come as SLUICE_… variables, which are settings.
      assert.equal(pod.enableServiceLinks, false);
      named('ServiceAccount', pod.serviceAccountName);
      const [container] = pod.containers;
      assert.deepEqual(container.securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      const ports = container.ports.map(({ name }: { name: string }) => name);
      for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
        assert.ok(ports.includes(container[probe].httpGet.port), probe);
      }
      for (const { secretRef } of container.envFrom) named('Secret', secretRef.name);
      for (const { configMap } of pod.volumes) if (configMap) named('ConfigMap', configMap.name);
      const volumes = pod.volumes.map(({ name }: { name: string }) => name).sort();
      const mounted = container.volumeMounts.map(({ name }: { name: string }) => name).sort();
      assert.deepEqual(mounted, volumes);
      assert.ok(container.resources.requests.cpu && container.resources.limits.memory);
    });
  }

  it('lead Services, budget and autoscaler to pods that exist, and gateways to callers of their node', () => {
    const pods = workloads.map((each) => each.spec.template);
    for (const { kind, spec, metadata } of all) {
      const labels =
        kind === 'Service' ? spec.selector : kind === 'PodDisruptionBudget' && spec.selector.matchLabels;
      if (!labels) continue;
      const pod = pods.find((each) => JSON.stringify(each.metadata.labels) === JSON.stringify(labels));
      assert.ok(pod, metadata.name);
      for (const { targetPort } of spec.ports ?? []) {
        assert.ok(pod.spec.containers[0].ports.some(({ name }: { name: string }) => name === targetPort));
      }
    }
    const { scaleTargetRef } = named('HorizontalPodAutoscaler', 'sluice-worker').spec;
    const scaled = named(scaleTargetRef.kind, scaleTargetRef.name);
    assert.equal(scaled.spec.replicas, undefined, 'a fixed number would undo what the autoscaler did');
    assert.equal(named('Service', 'sluice-gateway').spec.internalTrafficPolicy, 'Local');
  });
});
