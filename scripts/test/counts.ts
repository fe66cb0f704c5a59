/** Counts tests and collects failures from vitest's JSON reports. */

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The parts of vitest's JSON report that are used here. */
export interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests?: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

export interface Failure {
  readonly title: string;
  readonly reason: readonly string[];
}

export const noTests: Counts = { passed: 0, failed: 0, skipped: 0 };
export const failedSuite: Counts = { passed: 0, failed: 1, skipped: 0 };

/**
 * The counts of one run, and a note about it. Without a failed test a file that could not be loaded counts as one failure,
 * and so does a run that crashed and wrote no report.
 */
export function countTests(report: Report | undefined, exitCode: number): { counts: Counts; note: string | undefined } {
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

/** Each failed test with its reason, for the end of the output: some logs keep only that. */
export function failuresIn(report: Report | undefined): readonly Failure[] {
  if (report === undefined) return [];
  return report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((each) => each.status === 'failed');
    if (status === 'failed' && failed.length === 0) return [{ title: name, reason: shorten(message) }];
    return failed.map((each) => ({ title: each.fullName, reason: shorten(each.failureMessages.join('\n')) }));
  });
}

const shorten = (text = ''): readonly string[] =>
  text
    .split('\n')
    .filter((line) => !/node_modules|node:internal/.test(line))
    .slice(0, REASON_LINES);

export const sumOf = (all: readonly Counts[]): Counts =>
  all.reduce(
    (sum, each) => ({
      passed: sum.passed + each.passed,
      failed: sum.failed + each.failed,
      skipped: sum.skipped + each.skipped,
    }),
    noTests,
  );
