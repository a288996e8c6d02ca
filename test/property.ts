/**
 * Property tests draw the same cases on every run, so that what passes here passes everywhere; other cases are
 * drawn by `SLUICE_TEST_SEED=$RANDOM npm test`, and a failure prints the seed that met it.
 */
import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env.SLUICE_TEST_SEED ?? 20261121) });

export default fc;
