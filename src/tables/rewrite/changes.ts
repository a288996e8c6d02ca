import type { DeltaSnapshot, Replay } from '../delta/snapshot.ts';

/** The whole table at the commit, or only what came since an earlier export. */
export type SourceChanges = (DeltaSnapshot & { whole: true }) | (Replay & { whole: false; version: number });
