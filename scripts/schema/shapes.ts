import { z } from 'zod';
import { type ContainerField, containerFields, type FieldKind, type Form } from '../../src/model/container/fields.ts';
import { standbyLimits } from '../../src/model/standby/declared.ts';
import { composeSchema, type JsonSchema } from './compose-schema.ts';
import { optionShapes } from './option-shapes.ts';
import { healthcheck, orderKeys } from './order-shapes.ts';

/**
 * The shapes of the files, for editors. The program itself uses the readers in src/config, which report more, with
 * places; a test runs both on the same cases. `schemaFiles` returns the JSON Schemas.
 */

const port = z.int().min(1).max(65_535);
const variables = z.record(z.string().regex(/^[^=]+$/), z.string());
const path = z.string().regex(/^\//).describe('Absolute path inside the container.');
const size = z
  .string()
  .regex(/^[0-9]+(\.[0-9]+)?[KMGTkmgt]?$/)
  .describe('Digits, an optional fraction and one of K, M, G, T (1024-based), in quotes: "500M", "1.5G".');
const bytes = z.int().min(1);
const image = z.string().min(1).describe('The image: repository[:tag] or repository@sha256:…. Default tag: latest.');
const words = z.array(z.string()).min(1);

/** How a form writes a kind of value, and what there is to say about that. */
type Shape = (field: ContainerField) => z.ZodType;
type Shapes = { readonly [K in FieldKind]: readonly [shape: Shape, note?: string] };

const noKey: readonly [Shape] = [() => z.never()];
const commonShapes = {
  integer: [({ range: [min, max] = [0, Number.MAX_SAFE_INTEGER] }) => z.int().min(min).max(max)],
  duration: [() => z.string().regex(/^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/), 'For example "30s" or "1m30s".'],
  healthcheck: [() => healthcheck.nullable()],
} satisfies Partial<Shapes>;

const settingShapes: Readonly<Record<Exclude<Form, 'compose'>, Shapes>> = {
  native: {
    ...commonShapes,
    bytes: [
      () => z.union([bytes, z.string().regex(/^[0-9]+[KMGT]$/)]),
      'Bytes, or digits with a capital unit such as "512M".',
    ],
    restart: [
      () =>
        z.union([
          z.strictObject({ name: z.enum(['never', 'always', 'unless-stopped']).describe('As in Docker.') }),
          z.strictObject({
            name: z.literal('on-failure'),
            maximum_retry_count: z
              .int()
              .min(1)
              .nullable()
              .optional()
              .describe('How often Docker tries. Default: no limit.'),
          }),
        ]),
    ],
    words: [() => words],
  },
  fig: { ...commonShapes, bytes: [() => bytes, 'Bytes.'], restart: noKey, words: noKey },
};

/** The keys of the table of container fields in one form. */
const settingsIn = (form: Exclude<Form, 'compose'>): z.ZodRawShape =>
  Object.fromEntries(
    containerFields.flatMap((field: ContainerField) => {
      const key = field.keys[form];
      const [shape, note] = settingShapes[form][field.kind];
      const about = [field.about, ...(note === undefined ? [] : [note])].join(' ');
      return key === undefined ? [] : [[key, shape(field).optional().describe(about)]];
    }),
  );

const count = z.int().min(1).max(standbyLimits.mostSnapshots);
const retention = z.strictObject({
  hourly: count.optional().describe('How many of each hour are kept.'),
  daily: count.optional().describe('How many of each day are kept.'),
  weekly: count.optional().describe('How many of each week are kept.'),
  monthly: count.optional().describe('How many of each month are kept.'),
});

const volumeFields = {
  mountpoint: path,
  maximum_size: size
    .optional()
    .describe(
      'How much the volume may hold: digits, an optional fraction and one of K, M, G, T (1024-based), in quotes: "500M", "1.5G". Default: no limit.',
    ),
  dataset_id: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Identity of the data across nodes and renames. Default: made from the names.'),
  snapshots: retention
    .nullable()
    .optional()
    .describe('Snapshots that the node takes on a schedule, in UTC, and removes when there are more. Default: none.'),
  quiesce: z
    .strictObject({
      before: words
        .optional()
        .describe('The program and its arguments, before each of these snapshots. If it fails, no snapshot is taken.'),
      after: words.optional().describe('The same after each of them.'),
    })
    .nullable()
    .optional()
    .describe('Programs that run in the container around each snapshot that its node takes on its own.'),
};

const outsideFile = z.string().min(1).describe('A path; it begins at the folder of this file.');
const octal = z
  .union([z.string().regex(/^(0o?)?[0-7]{1,4}$/), z.int().min(0)])
  .describe('Permissions in octal, such as 0440. Default: 0444.');
const owner = z.union([z.int().min(0), z.string().regex(/^[0-9]+$/)]).describe('A number. Default: 0.');
const fileUse = (target: string) =>
  z
    .array(
      z.union([
        z.string().min(1),
        z.strictObject({
          source: z.string().min(1).describe('Its name at the top level.'),
          target: z.string().min(1).optional().describe(target),
          uid: owner.optional(),
          gid: owner.optional(),
          mode: octal.optional(),
        }),
      ]),
    )
    .nullable()
    .optional();
/** The same in every form: keys of an application that name files. */
const fileKeys = {
  env_file: z
    .union([
      outsideFile,
      z.array(
        z.union([
          outsideFile,
          z.strictObject({
            path: outsideFile,
            required: z.union([z.boolean(), z.string()]).optional().describe('false: the file may be missing.'),
            format: z.literal('raw').optional().describe('Values as they are: no quotes, no variables.'),
          }),
        ]),
      ),
    ])
    .optional()
    .describe('Files of NAME=value lines. A later file wins over an earlier one, and "environment" wins over all.'),
  secrets: fileUse('A name below /run/secrets, or an absolute path.').describe(
    'Names of the top-level "secrets": files in /run/secrets.',
  ),
  configs: fileUse('An absolute path. Default: /NAME.').describe(
    'Names of the top-level "configs": files in the container.',
  ),
};
const fromFile = {
  file: outsideFile.optional(),
  environment: z.string().min(1).optional().describe('The variable that has the content.'),
  name: z.unknown().optional().describe('Read and not used; Compose has it.'),
  labels: z.unknown().optional().describe('Read and not used; Compose has it.'),
  external: z.literal(false).optional().describe('Only false: drover has no store of secrets.'),
};
const topFiles = {
  secrets: z
    .record(z.string(), z.strictObject(fromFile))
    .nullable()
    .optional()
    .describe('Secret files, 500 KiB each at most.'),
  configs: z
    .record(z.string(), z.strictObject({ ...fromFile, content: z.string().optional().describe('The content itself.') }))
    .nullable()
    .optional()
    .describe('Files for applications, 1 MiB each at most.'),
};

const exposedPort = z.union([port, z.string().regex(/^[0-9]+(-[0-9]+)?(\/(tcp|udp|TCP|UDP))?$/)]);
const expose = z
  .array(exposedPort)
  .describe('Ports inside the container, such as "3000", that other applications reach by its name.');

const nativeApplication = z.strictObject({
  image,
  ports: z
    .array(
      z.strictObject({
        internal: port.describe('Port inside the container.'),
        external: port.describe('Port on every node. No two applications may have the same.'),
        protocol: z.enum(['tcp', 'udp']).optional().describe('Default: tcp.'),
        address: z
          .string()
          .min(1)
          .optional()
          .describe(
            'Publishes the port at this address of the node alone. The other nodes forward it only if this is the mesh address.',
          ),
      }),
    )
    .optional()
    .describe('Ports that every node serves or forwards.'),
  expose: expose.optional(),
  links: z
    .array(
      z.strictObject({
        local_port: port.describe('Port in the names of the variables.'),
        remote_port: port.describe('External port of the other application.'),
        alias: z
          .string()
          .regex(/^[A-Za-z0-9_-]+$/)
          .describe('Start of the names of the variables, as in ALIAS_PORT_5432_TCP_ADDR.'),
      }),
    )
    .optional()
    .describe('Environment variables with the addresses of other applications, wherever they run.'),
  environment: variables.nullable().optional().describe('Variables; values are strings, so put numbers in quotes.'),
  volume: z.strictObject(volumeFields).optional().describe('A volume that moves with the application.'),
  volumes: z.array(z.strictObject(volumeFields)).optional().describe('More volumes.'),
  ...orderKeys,
  ...settingsIn('native'),
  ...optionShapes,
  ...fileKeys,
});

const deploymentName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/)
  .describe('Name of the deployment. Its containers, datasets and forwards carry it. Default: the name of the folder.');

const native = z
  .looseObject({
    version: z.literal(1).describe('Version of the file format.'),
    name: deploymentName.optional(),
    applications: z.record(applicationName(), nativeApplication).describe('Every application by its name.'),
    ...topFiles,
  })
  .describe("The native form, the same as Flocker's.");

function applicationName() {
  return z
    .string()
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/)
    .max(100);
}

const assignments = z.array(z.string()).describe('Each NAME=value.');
const serviceLinks = z.array(z.string().regex(/^[^:]+(:[^:]+)?$/)).describe('Each "service" or "service:alias".');

const figFiles = z.record(z.string(), z.strictObject({ ...fromFile, content: z.string().optional() }));

const fig = z
  .record(
    applicationName(),
    z.union([
      z.strictObject({
        image,
        environment: z.union([variables, assignments]).optional(),
        ports: z
          .array(z.string().regex(/^[0-9]+:[0-9]+$/))
          .optional()
          .describe('Each "host:container".'),
        expose: expose.optional(),
        links: serviceLinks.optional(),
        volumes: z.array(path).length(1).optional().describe('One path inside the container.'),
        ...orderKeys,
        ...settingsIn('fig'),
        ...fileKeys,
      }),
      figFiles,
    ]),
  )
  .describe("Fig's form: every top-level key is a service.");

const duration = z
  .string()
  .regex(/^[0-9]+(\.[0-9]+)?(ms|s|m|h)$/)
  .describe('A number and ms, s, m or h: "500ms", "30s", "2m".');

const standby = z.strictObject({
  on: z
    .union([z.literal('auto'), z.array(z.string().min(1))])
    .describe(
      'The nodes with a standby; the node that the application runs on does not count. auto: one node, which drover chooses. []: none.',
    ),
  every: duration.optional().describe('Time between two copies, at least 10s. Default: 1m.'),
  lose: duration
    .optional()
    .describe('How much a failover may lose. drover warns about a standby that is older. Default: five times "every".'),
  keep: retention
    .optional()
    .describe('Scheduled snapshots that the standbys keep. Default: as "snapshots" of the volume.'),
});

const deployment = z.looseObject({
  version: z.literal(1).describe('Version of the file format.'),
  nodes: z
    .record(z.string().min(1), z.array(z.string()).describe('Applications of this node; [] for an idle one.'))
    .describe('Every node by its address, or by its name in drover.yml.'),
  standby: z
    .record(z.string().min(1), standby)
    .nullable()
    .optional()
    .describe(
      'Copies of the volumes of an application that its node keeps up to date on other nodes, by application. "*": every other application with volumes.',
    ),
});

const host = z.string().min(1);
const file = z.string().min(1).describe('A path; ~ is the home folder, and others start at the folder of this file.');

const listen = z
  .array(z.string().min(1))
  .min(1)
  .describe(
    'Where ports are published and forwarded: addresses, networks such as "10.0.0.0/24", interfaces such as "eth1", or mesh, the address at which the other nodes reach this one. Default: published at all addresses, forwarded at the mesh address.',
  );

const nodeShape = {
  name: host.describe('Shown next to the address. deployment.yml may use it in place of the key.'),
  host: host.describe('Address or host alias given to SSH. Default: the key.'),
  port: port.describe('SSH port. Default: 22, or what ssh_config says.'),
  user: z.string().min(1).describe('Who logs in: root, or a user with passwordless sudo.'),
  identityFile: file.describe('Private key to log in with. A path; others than ~/… start at the folder of this file.'),
  knownHostsFile: file.describe('File with host keys, in place of ~/.ssh/known_hosts.'),
  sshConfigFile: file.describe('ssh_config to read in place of ~/.ssh/config.'),
  jump: z.string().min(1).describe("[user@]host[:port] to go through, as ssh's ProxyJump."),
  mesh: host.describe('Address at which the other nodes reach this one. Default: its address.'),
  fence: z
    .string()
    .min(1)
    .max(4096)
    .describe(
      'Command for `drover failover`, run by a shell on the machine that drover runs on. It switches the node off, and exits with 0 when the node is off. Receipts and logs have the command: put no password in it.',
    ),
  listen,
};

const timeoutsShape = {
  connect: duration.describe('Connecting to a node and logging in. Default: 15s.'),
  command: duration.describe('One short command on a node. Default: 60s.'),
  stop: duration.describe('How long a container may take to stop before Docker kills it. Default: 10s.'),
  switch: duration.describe(
    'From the stop of the application to its start in the new place. After that the old node starts it again. Default: 2m.',
  ),
  health: duration.describe('How long a started application may take until its ports answer. Default: 60s.'),
  job: duration.describe('How long a job that other applications wait for may take. Default: 10m.'),
};

const droverShape = {
  version: z.literal(1).describe('Version of the file format.'),
  name: deploymentName,
  nodes: z
    .record(z.string().min(1), bothSpellings(nodeShape).nullable())
    .nullable()
    .describe('How to reach the nodes, by address or name.'),
  pool: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_.:-]*$/)
    .describe('ZFS pool on every node. Default: drover.'),
  datasetRoot: z
    .string()
    .regex(/^[A-Za-z0-9_.:-]+(\/[A-Za-z0-9_.:-]+)*$/)
    .describe('Parent of all volumes below the pool. Default: volumes.'),
  timeouts: bothSpellings(timeoutsShape).nullable().describe('How long things may take: a number and ms, s, m or h.'),
  switch: bothSpellings({
    below: size.describe('drover sends further rounds while the rest is larger than this. Default: "4M".'),
    maxRounds: z.int().min(0).max(100).describe('At most this many rounds. Default: 5.'),
  })
    .nullable()
    .describe('When a move stops copying and switches.'),
  transfer: z.enum(['auto', 'direct', 'relay']).describe('Node to node, or through this machine. Default: auto.'),
  listen,
  boot: bothSpellings({
    alone: z
      .enum(['wait', 'start'])
      .describe(
        'What a node does after a boot if another node may have taken a volume over and does not answer: wait for it, or start. Default: wait.',
      ),
  })
    .nullable()
    .describe('What a node does when it boots.'),
  names: z
    .strictObject({
      range: z
        .string()
        .regex(/^(none|[0-9.]+\/[0-9]{1,2})$/)
        .optional()
        .describe(
          'Private network of the addresses behind the names of applications; none: no names. Default: 198.18.0.0/15.',
        ),
    })
    .nullable()
    .describe('How applications reach each other by name.'),
  images: z
    .record(z.string().min(1), z.string().min(1))
    .nullable()
    .describe(
      'Images to run in place of others, by repository or repository:tag, for example from a mirror. drover prints them on every run.',
    ),
};

const keyName = z
  .union([z.string().min(1), z.int().min(0).max(9)])
  .describe('A letter or sign, up, enter, escape, space, tab, pageup, f1…; with ctrl+, alt+ or shift+ before it.');

const settings = z.strictObject({
  theme: z
    .enum(['auto', 'dark', 'light', 'high-contrast', 'colour-blind', 'mono'])
    .optional()
    .describe('Default: auto.'),
  colours: z.boolean().optional().describe('false: none at all, as with NO_COLOR.'),
  glyphs: z.enum(['unicode', 'ascii']).optional().describe('ascii for fonts without the signs. Default: unicode.'),
  mouse: z.boolean().optional().describe('Default: on, but off over SSH inside tmux.'),
  'read-only': z.boolean().optional().describe('The screen changes nothing.'),
  'ask-first': z.boolean().optional().describe('Every plan waits for approval.'),
  view: z.enum(['auto', 'board', 'table', 'matrix']).optional().describe('How nodes and applications are shown first.'),
  keys: z
    .record(z.string().min(1), z.union([keyName, z.array(keyName)]))
    .nullable()
    .optional()
    .describe('Keys by action, in place of its own: {move: m, logs: [l, f5]}. The help shows the actions.'),
  notify: z.boolean().optional().describe('Bell and notification when a run ends or asks a question.'),
});

/** Everything optional, every key also with underscores. */
function bothSpellings(shape: z.ZodRawShape) {
  const entries = Object.entries(shape).flatMap(([key, value]) => {
    const snake = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return [...new Set([key, snake])].map((name) => [name, z.optional(value)] as const);
  });
  return z.strictObject(Object.fromEntries(entries));
}

const json = (shape: z.ZodType): JsonSchema => {
  const { $schema: _, ...rest } = z.toJSONSchema(shape, { target: 'draft-2020-12', io: 'input' });
  return rest;
};

const titled = (title: string, schema: JsonSchema): string =>
  `${JSON.stringify({ $schema: 'https://json-schema.org/draft/2020-12/schema', title, ...schema }, null, 2)}\n`;

/** The form shows in the keys of the file; so an editor names the mistake, and not what the other forms would have. */
const application = (): JsonSchema => ({
  if: { required: ['services'] },
  // biome-ignore lint/suspicious/noThenProperty: a key of JSON Schema.
  then: composeSchema(),
  else: {
    if: { anyOf: [{ required: ['applications'] }, { required: ['version'] }] },
    // biome-ignore lint/suspicious/noThenProperty: a key of JSON Schema.
    then: json(native),
    else: json(fig),
  },
});

/** Text of each JSON Schema (draft 2020-12) by its file name in this folder. */
export function schemaFiles(): Readonly<Record<string, string>> {
  return {
    'application.schema.json': titled('drover application.yml', application()),
    'deployment.schema.json': titled('drover deployment.yml', json(deployment)),
    'drover.schema.json': titled('drover.yml', json(bothSpellings(droverShape))),
    'settings.schema.json': titled('drover settings of the screen', json(settings)),
  };
}
