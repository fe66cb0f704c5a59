import { chmod, copyFile, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { addBusybox, debianTree, keptTree, runIn } from '../debian.ts';
import { maven } from '../maven.ts';
import { prune } from '../prune.ts';
import type { Recipe } from '../recipe.ts';
import { PASSWD, run, tree } from '../tools.ts';

const HOME = 'usr/share/elasticsearch';
const JDK = '/usr/lib/jvm/java-21-openjdk-amd64/bin';
/** The modules of Java that the server and its libraries use; java.desktop is for log4j's java.beans. */
const MODULES =
  'java.desktop,java.logging,java.management,java.naming,java.security.jgss,java.sql,java.xml,jdk.management,jdk.net,jdk.unsupported,jdk.zipfs';

const recipe: Recipe = {
  ref: 'drover/elasticsearch:7.17.29',
  set: 'elk',
  uses: ['debian.ts', 'maven.ts', 'prune.ts'],
  standsFor: ['elasticsearch'],
  // Group 0, as in the official image: any user in that group may write its files.
  changes: [
    `ENTRYPOINT ["/${HOME}/start.sh"]`,
    'EXPOSE 9200',
    `VOLUME /${HOME}/data`,
    'USER 1000:0',
    `WORKDIR /${HOME}`,
    'ENV PATH=/usr/sbin:/usr/bin',
  ],
  async build({ dir, root, temp, cache }) {
    const home = join(root, HOME);
    await debianTree(root, ['libc6', 'libstdc++6', 'zlib1g', 'bash', 'busybox-static']);
    await prune(root, ['usr/lib/*/gconv']);
    await addBusybox(root);
    await tree(root, {
      dirs: Object.fromEntries(
        ['config', 'data', 'lib', 'logs', 'modules', 'plugins'].map((name) => [`${HOME}/${name}`, 0o775]),
      ),
      files: PASSWD,
    });
    await maven({ pom: join(dir, 'pom.xml'), sums: join(dir, 'jars.sha256'), to: join(home, 'lib') });
    await compile({ dir, home, temp, cache });
    for (const name of ['jvm.options', 'log4j2.properties'])
      await copyFile(join(dir, name), join(home, 'config', name));
    await copyFile(join(dir, 'start.sh'), join(home, 'start.sh'));
    await chmod(join(home, 'start.sh'), 0o755);
    await runIn(root, ['/bin/sh', '/work/train.sh'], { binds: { [dir]: '/work' } });
    await rm(join(root, 'work'), { recursive: true });
  },
};

export default recipe;

interface CompilePlace {
  readonly dir: string;
  /** Elasticsearch's folder in the image. */
  readonly home: string;
  readonly temp: string;
  readonly cache: string;
}

/** Makes a jar of Server.java, and a Java runtime of the modules that are used, with the JDK of Debian 13. */
async function compile({ dir, home, temp, cache }: CompilePlace): Promise<void> {
  const jdk = await keptTree(cache, 'jdk-debian13', ['openjdk-21-jdk-headless']);
  const work = await mkdtemp(join(temp, 'java-'));
  await run('cp', ['-r', join(home, 'lib'), join(dir, 'Server.java'), work]);
  const java = (program: string, ...args: readonly string[]): Promise<void> =>
    runIn(jdk, [`${JDK}/${program}`, ...args], { binds: { [work]: '/work' } });
  await java('javac', '-proc:none', '-cp', '/work/lib/*', '-d', '/work/classes', '/work/Server.java');
  await java('jar', '--create', '--file', '/work/server.jar', '-C', '/work/classes', '.');
  // Java reads its classes from the class archive, so this file is hardly ever unpacked and may be compressed.
  const lean = ['--strip-java-debug-attributes', '--no-man-pages', '--no-header-files', '--compress=zip-6'];
  await java('jlink', '--add-modules', MODULES, ...lean, '--output', '/work/jdk');
  await rename(join(work, 'server.jar'), join(home, 'lib', 'server.jar'));
  await rename(join(work, 'jdk'), join(home, 'jdk'));
  await rm(work, { recursive: true });
}
