import type { AppName } from '../model/config.ts';

// A tutorial is its page: headings are parts, console blocks are steps, and hidden comments say what to check.

/** What the cluster has to show before a step is done. Nodes are named as on the page. */
export type Check =
  | { readonly kind: 'running'; readonly app: AppName; readonly on: string }
  /** Without a node: on none of them. */
  | { readonly kind: 'stopped'; readonly app: AppName; readonly on?: string }
  | { readonly kind: 'owned'; readonly app: AppName; readonly by: string }
  /** Nothing is left to do. */
  | { readonly kind: 'converged' }
  | { readonly kind: 'answers'; readonly port: number; readonly through: readonly string[] }
  /** This command of the step, which only reads, prints what the page shows. */
  | { readonly kind: 'prints'; readonly command: string };

/** What a command of a page does, as far as the program could do it as well. `folder` is as on the page. */
export type Act =
  | { readonly kind: 'apply'; readonly folder: string }
  | { readonly kind: 'move'; readonly folder: string; readonly app: AppName; readonly to: string }
  | { readonly kind: 'other' };

export interface TutorialCommand {
  /** As on the page, where all commands are given in the project's folder. */
  readonly text: string;
  readonly line: number;
  /** Lines; `…` stands for any text. */
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
  /** What the page says behind the block, up to the next step: worth reading when it is done. */
  readonly after: readonly string[];
}

export interface TutorialPart {
  readonly title: string;
  /** With the two files, as on the page: `tutorials/mongodb/3-data-moves`. */
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
  /** Addresses by the names the page uses. */
  readonly nodes: Readonly<Record<string, string>>;
  readonly parts: readonly TutorialPart[];
  readonly steps: readonly TutorialStep[];
}
