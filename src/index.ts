/**
 * Sluice as a library. `createApp(loadSettings().settings)` gives the parts put together as sluice.yaml says;
 * every part can be used by itself, too.
 */
export { type App, createApp } from './app.ts';
export { type Connection, type Connections, connectionsOf } from './base/connections.ts';
export { type ErrorCode, isError, SluiceError } from './base/errors.ts';
export type { Json } from './base/json.ts';
export { Limiter } from './base/limiter.ts';
export { Throttle } from './base/throttle.ts';
export { VERSION } from './base/version.ts';
export { type Loaded, type LoadOptions, loadSettings, requireValid } from './config/load.ts';
export type { Settings } from './config/settings.ts';
export type { Engine, JobEvent, JobFilter, JobPage } from './jobs/engine.ts';
export { LocalEngine, type LocalEngineOptions } from './jobs/engines/local/engine.ts';
export type { Environment } from './jobs/environment.ts';
export type {
  Counts,
  Job,
  JobFailure,
  JobRecord,
  JobStatus,
  PartStatus,
  Progress,
} from './jobs/job.ts';
export type {
  FinishResult,
  Hold,
  JobContext,
  Kind,
  Log,
  Outcome,
  PartContext,
} from './jobs/kind.ts';
export { acquireLease, type LeaseOptions } from './jobs/lease.ts';
export type { ItemFailure, Part, PartRecord, PartResult } from './jobs/part.ts';
export { type Kinds, kindsOf, type LoadKind } from './jobs/registry.ts';
export * from './router/filesystem/errors.ts';
export { type ContentSummary, type FileStatus, FileSystem } from './router/filesystem/filesystem.ts';
export type { FileReader } from './router/filesystem/reader.ts';
export type { FileWriter } from './router/filesystem/writer.ts';
export { parseRouting, readRouting } from './router/load.ts';
export { checkRouting, type RoutingConfig, type RoutingDraft } from './router/mapping.ts';
export { createRouter, type Router, type RouterOptions } from './router/router.ts';
export { type RoutingSection, routingOfSection } from './router/section.ts';
export { StoreError } from './stores/errors.ts';
export { type Location, type OpenStore, type StoreProvider, storeOpener } from './stores/open.ts';
export { storeProviders } from './stores/providers.ts';
export type { RetryPolicy } from './stores/retry.ts';
export type * from './stores/store.ts';
