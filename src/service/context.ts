import type { Connections } from '../base/connections.ts';
import type { Settings } from '../config/settings.ts';
import type { Engine } from '../jobs/engine.ts';
import type { Log } from '../jobs/kind.ts';
import type { Kinds } from '../jobs/registry.ts';
import type { OpenStore } from '../stores/open.ts';

/** What the service needs of the program around it; an App is one. */
export interface ServiceApp {
  readonly settings: Settings;
  readonly connections: Connections;
  readonly open: OpenStore;
  readonly kinds: Kinds;
  readonly log: Log;
  engine(): Promise<Engine>;
}
