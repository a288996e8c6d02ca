import { createSampleLake, type SampleLake } from '../../src/demo/lake/sample.ts';
import { startFaultProxy } from './fault-proxy.ts';

/** The objects of a held lake. */
export const HELD_OBJECTS = 300;

/** A lake whose exports stop in their middle for as long as a test wants them to. */
export interface HeldLake {
  lake: SampleLake;
  /** The connection, as it stands in sluice.yaml. */
  connection: string;
  /** From now on nobody gets the second half of the objects. */
  hold(): void;
  release(): void;
  close(): Promise<void>;
}

/** A repository `repo` with so many objects in `main`, behind an address that can hold some of them back. */
export async function startHeldLake(): Promise<HeldLake> {
  const lake = await createSampleLake({ repository: 'repo' });
  for (let i = 0; i < HELD_OBJECTS; i++) {
    await lake.put('main', `f${String(i).padStart(4, '0')}`, `content ${i}`);
  }
  await lake.commit('main', 'fill');
  const proxy = await startFaultProxy(lake.url);
  const { accessKeyId, secretAccessKey } = lake.server;
  let released = () => {};
  return {
    lake,
    connection: `{type: lakefs, endpoint: "${proxy.endpoint}", access_key_id: "${accessKeyId}", secret_access_key: "${secretAccessKey}"}`,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      released = resolve;
      const held = /\/objects\?.*path=f0(1[5-9]|2)/;
      proxy.rule({ method: 'GET', path: held, times: Number.POSITIVE_INFINITY }, { hold: promise });
    },
    release() {
      proxy.clear();
      released();
    },
    async close() {
      released();
      await proxy.stop();
      await lake.close();
    },
  };
}
