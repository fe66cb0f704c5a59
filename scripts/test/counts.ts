/** Sums of tests from vitest's JSON reports. */
export const noTests = { passed: 0, failed: 0, skipped: 0 };
export const failedSuite = { passed: 0, failed: 1, skipped: 0 };

/**
 * `{counts, note}` of one run. A file that could not even be loaded has no failed test in it, and a run that crashed
 * wrote no report: each counts as one failure.
 */
export function countTests(report, exitCode) {
  if (report === undefined) return { counts: failedSuite, note: `vitest ended with status ${exitCode} and no report` };
  const broken = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((each) => each.status === 'failed'),
  );
  const counts = {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + (report.numTodoTests ?? 0),
  };
  if (exitCode !== 0 && counts.failed === 0) {
    return { counts: { ...counts, failed: 1 }, note: `vitest ended with status ${exitCode} although no test failed` };
  }
  return { counts, note: broken.length === 0 ? undefined : `${broken.length} files could not be loaded` };
}

const REASON_LINES = 12;

/** What failed and why, for the end of the output: where only that is kept, it has to say everything. */
export function failuresIn(report) {
  if (report === undefined) return [];
  return report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((each) => each.status === 'failed');
    if (status === 'failed' && failed.length === 0) return [{ title: name, reason: shorten(message) }];
    return failed.map((each) => ({ title: each.fullName, reason: shorten(each.failureMessages.join('\n')) }));
  });
}

const shorten = (text = '') =>
  text
    .split('\n')
    .filter((line) => !/node_modules|node:internal/.test(line))
    .slice(0, REASON_LINES);

export const sumOf = (all) =>
  all.reduce(
    (sum, each) => ({
      passed: sum.passed + each.passed,
      failed: sum.failed + each.failed,
      skipped: sum.skipped + each.skipped,
    }),
    noTests,
  );
