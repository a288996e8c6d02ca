/** The workflows, as they are bundled. */
export { sluiceJob } from './job.ts';
export { sluiceHold, sluicePlan } from './others.ts';
export { sluicePage } from './page.ts';
