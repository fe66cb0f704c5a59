import type { AppName } from '../model/config.ts';

// A tutorial is a Markdown page. Headings are parts, console blocks are steps, and hidden comments hold the checks.

/** What must be true before a step is done, with the page's node names. */
export type Check =
  | { readonly kind: 'running'; readonly app: AppName; readonly on: string }
  /** Without `on`: it runs on no node. */
  | { readonly kind: 'stopped'; readonly app: AppName; readonly on?: string }
  | { readonly kind: 'owned'; readonly app: AppName; readonly by: string }
  /** The plan has no steps. */
  | { readonly kind: 'converged' }
  | { readonly kind: 'answers'; readonly port: number; readonly through: readonly string[] }
  /** This command of the step prints what the page shows. It must only read. */
  | { readonly kind: 'prints'; readonly command: string };

/** What a command of a page does, if drover itself can do the same. `folder` is as on the page. */
export type Act =
  | { readonly kind: 'apply'; readonly folder: string }
  | { readonly kind: 'move'; readonly folder: string; readonly app: AppName; readonly to: string }
  | { readonly kind: 'other' };

export interface TutorialCommand {
  /** As on the page, which gives all commands for the project's folder. */
  readonly text: string;
  readonly line: number;
  /** Lines; `…` matches any text. */
  readonly expected: readonly string[];
  readonly act: Act;
}

export interface TutorialStep {
  /** `2.1`: the first step of the second part. */
  readonly id: string;
  /** From 0. */
  readonly part: number;
  readonly title: string;
  readonly line: number;
  /** Paragraphs without markup; a line of a code block begins with two spaces. */
  readonly text: readonly string[];
  readonly commands: readonly TutorialCommand[];
  readonly checks: readonly Check[];
  readonly hint?: string;
  /** The text after the block, up to the next step. */
  readonly after: readonly string[];
}

export interface TutorialPart {
  readonly title: string;
  /** The folder of the two files, as on the page: `tutorials/mongodb/3-data-moves`. */
  readonly folder: string;
}

export interface Tutorial {
  /** Its folder's name. */
  readonly name: string;
  /** Path of its README as shown to people. */
  readonly page: string;
  readonly title: string;
  /** One line. */
  readonly about: string;
  readonly minutes: number;
  readonly learnt: readonly string[];
  /** Name of the tutorial that comes next. */
  readonly next?: string;
  /** Files of a folder that belong to the reader, the application file first and deployment.yml last. */
  readonly files: readonly string[];
  /** The address of each node name on the page. */
  readonly nodes: Readonly<Record<string, string>>;
  readonly parts: readonly TutorialPart[];
  readonly steps: readonly TutorialStep[];
}
