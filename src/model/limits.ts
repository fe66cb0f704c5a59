/**
 * How much drover reads from what it does not control: a node, a folder, another program. One broken or hostile node
 * must not use up the memory of the controlling machine. Each limit is far above what a working node sends, and
 * together they keep the process below 300 MiB.
 */

const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * Bytes of stdout and stderr that are held for all commands that run on one node. A snapshot takes about 90 bytes of an
 * observation: 100,000 of them are 9 MiB.
 */
export const commandOutputBytes = 24 * MiB;

/** Lines of one command's output: a short line costs far more memory than its bytes. */
export const commandOutputLines = 500_000;

/** Bytes of stderr that are kept of a streaming command, for the message if it fails. */
export const stderrTailBytes = 8 * KiB;

/**
 * Bytes that wait unread on one channel of SSH. OpenSSH sends at most the window, 2 MiB; only a hostile server sends
 * more.
 */
export const unreadChannelBytes = 8 * MiB;

/**
 * Bytes of one answer of Docker's API; the facts about a container or an image take about 10 KiB. Six are read at once.
 */
export const dockerAnswerBytes = 4 * MiB;

/** Bytes of Docker's list of containers. With 5,000 of them it takes about 10 MiB. */
export const dockerListBytes = 16 * MiB;

/** Bytes of all Docker's answers for one list of containers, including the details of each. */
export const dockerListingBytes = 48 * MiB;

/** Containers of one node, drover's and others. Docker itself becomes slow long before. */
export const containersPerNode = 10_000;

/** Datasets below the root of one node, volumes and others. */
export const datasetsPerNode = 10_000;

/** Characters of a property's value; ZFS allows 8,192 bytes. */
export const longestProperty = 8 * KiB;

/** Values (members and items) in one JSON text from a node: `[0,0,…]` takes ten times its bytes once it is parsed. */
export const jsonValues = 500_000;

/** Bytes of an error message of Docker's API. */
export const dockerErrorBytes = 64 * KiB;

/** Bytes before the line "connected" of the command that forwards to Docker's socket. */
export const greetingBytes = KiB;

/** Milliseconds until that line. */
export const greetingMs = 30_000;

/** Milliseconds without a message from Docker while an image is fetched, copied or unpacked; then the step fails. */
export const imageSilenceMs = 30 * 60_000;

/**
 * The time limit of one observation of a node: this many times the limit of a command, plus these milliseconds, because
 * ending a command that hangs takes up to 5 s.
 */
export const observeTimes = 3;
export const observeExtraMs = 10_000;

/**
 * Docker's events that are read per second; the rest waits on the node. A restart of 100 containers causes about 600.
 */
export const eventsPerSecond = 500;

/** Layers of one image whose progress is summed. Docker allows 127. */
export const imageLayers = 1_000;

/** Characters of a line in a container's log, or of JSON in a stream; a longer one comes in parts. */
export const lineCharacters = 256 * KiB;

/** Lines of a log that wait for the screen; drover reads on when they are drawn. */
export const waitingLogLines = 2_000;

/** Characters of a log line that the screen and a failure's report keep. */
export const shownLineCharacters = 8 * KiB;

/** Bytes of the lock's answer: one line of JSON with the name of its holder. */
export const lockAnswerBytes = 4 * KiB;

/** Milliseconds until the lock has answered; the script on the node itself waits at most 30 s. */
export const lockAnswerMs = 60_000;

/** Milliseconds until the node confirms that the lock is released; then drover closes its channel. */
export const lockReleaseMs = 5_000;

/** Bytes that are read of a node's audit log: about 1,000 runs. */
export const auditBytes = 256 * KiB;

/**
 * Bytes of one answer of etcd, and of one message of a watch. etcd refuses a request above 1.5 MiB; an answer has all keys of
 * a cluster.
 */
export const etcdAnswerBytes = 16 * MiB;

/** Bytes of one sample of a node's figures: about 70 for each container. */
export const sampleBytes = MiB;

/** Bytes of one line, and the number of lines, that provisioning a host may print. */
export const setUpLineBytes = 16 * KiB;
export const setUpLines = 20_000;

/** Bytes of one line that `zfs send` and `ssh` print on stderr during a transfer. */
export const transferLineBytes = 8 * KiB;

/** Milliseconds between two reports of a transfer's progress. */
export const transferProgressMs = 100;

/** Bytes of a configuration file: application.yml, deployment.yml, drover.yml, settings. */
export const configFileBytes = 10 * MiB;

/** Bytes of drover's own files in the state folder. */
export const stateFileBytes = 32 * MiB;

/** Bytes of a private key, a public key or a certificate; the largest RSA key takes 13 KiB. */
export const keyFileBytes = 64 * KiB;

/** Bytes of an ssh_config that is in a folder with the files. */
export const sshConfigBytes = MiB;

/** Bytes of a known_hosts or RevokedHostKeys file. One with 50,000 hosts takes about 10 MiB. */
export const knownHostsBytes = 32 * MiB;

/** Bytes that a program of this machine (`ssh -G`, KnownHostsCommand) may print. */
export const programOutputBytes = MiB;

/** Bytes that a server may send in clear text while its host certificate is fetched. */
export const hostCertificateBytes = 256 * KiB;

/** `64 KiB`, `10 MiB`: every limit of bytes is a whole number of either. */
export function printLimit(bytes: number): string {
  return bytes % MiB === 0 ? `${bytes / MiB} MiB` : `${bytes / KiB} KiB`;
}
