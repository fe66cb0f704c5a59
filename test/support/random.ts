/**
 * fast-check for all random tests. They draw the same cases in every run, so that a change is never blamed for a case that
 * was drawn for the first time. `DROVER_TEST_SEED` draws others; `nightly/random.test.ts` does so every night.
 */
import fc from 'fast-check';

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env.DROVER_TEST_SEED ?? 1) });

export default fc;
