import { z } from 'zod';
import { type ContainerOption, containerOptions, type OptionKind } from '../../src/model/container/options.ts';

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const number = z.union([z.number(), z.string()]);
const texts = z.array(z.union([z.string(), z.number()]));
const pairs = z.union([z.record(z.string(), scalar.nullable()), z.array(z.string())]);
const requests = z.array(
  z.strictObject({
    driver: z.string().optional().describe('Driver of the device.'),
    count: z
      .union([z.int().min(0), z.string()])
      .optional()
      .describe('How many; default: all.'),
    device_ids: texts.optional().describe('Ids of devices, in place of a count.'),
    capabilities: texts.optional().describe('What the device must be able to do, such as gpu.'),
    options: pairs.optional().describe('Options of the driver.'),
  }),
);
const rates = z.array(z.strictObject({ path: z.string().describe('A device.'), rate: number.describe('Per second.') }));

/** How each kind of option is written; a variable can stand for any number or truth value. */
const shapes: Readonly<Record<OptionKind, (option: ContainerOption) => z.ZodType>> = {
  text: () => z.union([z.string(), z.number()]),
  word: ({ words = [] }) => z.union([z.enum([...words]), z.string().regex(/\$/)]),
  flag: () => z.union([z.boolean(), z.string()]),
  integer: () => number,
  bytes: () => number,
  cpus: () => number,
  microseconds: () => number,
  list: ({ isSingle }) => (isSingle === true ? z.union([z.string(), texts]) : texts),
  map: () => pairs,
  labels: () => pairs,
  devices: () =>
    z.array(
      z.union([
        z.string(),
        z.strictObject({
          source: z.string().describe('The device of the node.'),
          target: z.string().optional().describe('Its path in the container. Default: the same.'),
          permissions: z.string().optional().describe('r, w and m. Default: rwm.'),
        }),
      ]),
    ),
  gpus: () => z.union([z.literal('all'), requests]),
  hosts: () => z.union([z.array(z.string()), z.record(z.string(), z.union([z.string(), z.array(z.string())]))]),
  logging: () =>
    z.strictObject({
      driver: z.string().optional().describe("Log driver. Default: the node's."),
      options: z.record(z.string(), scalar.nullable()).optional().describe('Options of the driver.'),
    }),
  ulimits: () =>
    z.record(
      z.string(),
      z.union([
        number,
        z.strictObject({
          soft: number.describe('Limit that processes begin with.'),
          hard: number.describe('Highest limit.'),
        }),
      ]),
    ),
  blkio: () =>
    z.strictObject({
      weight: number.optional().describe('Weight from 10 to 1000.'),
      weight_device: z
        .array(z.strictObject({ path: z.string().describe('A device.'), weight: number.describe('From 10 to 1000.') }))
        .optional()
        .describe('Weights of devices.'),
      device_read_bps: rates.optional().describe('Most bytes that it reads per second.'),
      device_write_bps: rates.optional().describe('Most bytes that it writes per second.'),
      device_read_iops: rates.optional().describe('Most reads per second.'),
      device_write_iops: rates.optional().describe('Most writes per second.'),
    }),
  security: () => texts,
};

/** The keys of the table of container options. */
export const optionShapes: z.ZodRawShape = Object.fromEntries(
  containerOptions.map((option) => [
    option.key,
    shapes[option.kind](option).nullable().optional().describe(option.about),
  ]),
);
