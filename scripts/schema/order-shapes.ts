import { z } from 'zod';

const span = z.string().regex(/^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d|w))+)$/);
const flag = z.union([z.boolean(), z.string().regex(/^(true|false)$/i)]);
const word = z.union([z.string(), z.number(), z.boolean()]);

export const healthcheck = z.strictObject({
  test: z
    .union([z.string().min(1), z.array(word)])
    .optional()
    .describe('A command line for the shell of the container, ["CMD", …], ["CMD-SHELL", …] or ["NONE"].'),
  interval: z
    .union([span, z.literal(0)])
    .optional()
    .describe('Time between two checks, such as "1m30s".'),
  timeout: z
    .union([span, z.literal(0)])
    .optional()
    .describe('A check that takes longer has failed.'),
  retries: z.int().min(0).optional().describe('So many failures in a row make it unhealthy.'),
  start_period: z
    .union([span, z.literal(0)])
    .optional()
    .describe('Failures do not count for so long after the start.'),
  start_interval: z
    .union([span, z.literal(0)])
    .optional()
    .describe('Time between two checks in the start period; Docker 25 and later.'),
  disable: flag.optional().describe("Also turns the image's own check off."),
});

const dependsOn = z
  .union([
    z.array(z.string()),
    z.record(
      z.string(),
      z
        .strictObject({
          condition: z
            .enum(['service_started', 'service_healthy', 'service_completed_successfully'])
            .optional()
            .describe('What the other application must have reached. Default: service_started.'),
          required: flag.optional().describe('false: it may be missing or fail. Default: true.'),
          restart: flag.optional().describe('true: this application restarts when the other one is replaced.'),
        })
        .nullable(),
    ),
  ])
  .nullable()
  .describe('What this application needs before it starts, on whichever node that runs.');

const hooks = z
  .array(
    z.strictObject({
      command: z.union([z.string().min(1), z.array(word).min(1)]).describe('The program and its arguments.'),
      user: z
        .union([z.string().min(1), z.int()])
        .optional()
        .describe("Who runs it. Default: the container's user."),
      privileged: flag.optional().describe('true: with all rights.'),
      working_dir: z.string().min(1).optional().describe('Where it runs.'),
      environment: z
        .union([z.record(z.string(), z.union([word, z.null()])), z.array(z.string())])
        .optional()
        .describe('Variables of this program alone.'),
    }),
  )
  .nullable();

/** Order, and programs that run in the container. */
export const orderKeys = {
  depends_on: dependsOn.optional(),
  post_start: hooks.optional().describe('Programs that run in the container after each start by drover.'),
  pre_stop: hooks.optional().describe('Programs that run in the container before each stop by drover.'),
};
