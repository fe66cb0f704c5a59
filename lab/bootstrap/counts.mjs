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

export const sumOf = (all) =>
  all.reduce(
    (sum, each) => ({
      passed: sum.passed + each.passed,
      failed: sum.failed + each.failed,
      skipped: sum.skipped + each.skipped,
    }),
    noTests,
  );
