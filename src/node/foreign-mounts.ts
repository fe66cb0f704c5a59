import type { Container, ForeignMount } from '../model/cluster.ts';
import { defined } from '../model/defined.ts';

/**
 * ROOT: finds mounts of datasets below the root, in other mount namespaces, that an unmount in this one does not reach.
 * It reaches a mount whose parent is shared with this namespace or follows it (the optional fields of mountinfo), as in
 * the namespaces that systemd makes. Prints `DATASET TAB PID TAB CONTAINER-ID TAB COMMAND`, the id `-` without a container.
 */
export const foreignMountsProgram = `
my $root = shift; my (%seen, $own); $own = readlink "/proc/self/ns/mnt"; alarm 10;
for my $p (glob "/proc/[0-9]*") {
  my $ns = readlink "$p/ns/mnt"; next if !defined $ns || $ns eq $own || $seen{$ns};
  open my $mounts, "<", "$p/mountinfo" or next;
  my (%follows, %held, $lines);
  while (<$mounts>) {
    my ($id, $above, $fields, $ds) = /^(\\d+) (\\d+) \\S+ \\S+ \\S+ \\S+ (.*?)- (?:zfs (\\S+) )?/ or next;
    $lines++; $follows{$id} = 1 if $fields =~ /\\b(?:shared|master):/;
    $held{$ds} = $above if defined $ds && index($ds, "$root/") == 0;
  }
  next unless $lines; $seen{$ns} = 1;
  for my $ds (grep { !$follows{$held{$_}} } sort keys %held) {
    open my $comm, "<", "$p/comm"; my $name = <$comm> // "?"; chomp $name;
    open my $groups, "<", "$p/cgroup"; my ($container) = join("", <$groups>) =~ /([0-9a-f]{64})/;
    printf "%s\\t%s\\t%s\\t%s\\n", $ds, substr($p, 6), $container // "-", $name;
  }
}
`;

/**
 * Output of `foreignMountsProgram`. Mounts of drover's own containers are not foreign: they go when the container stops.
 * Lines in another form are left out.
 */
export function parseForeignMounts(text: string, containers: readonly Container[]): readonly ForeignMount[] {
  const byId = new Map(containers.map((one) => [one.id, one]));
  return text.split('\n').flatMap((line) => {
    const [, dataset = '', pid, id = '', process = ''] = /^(\S+)\t(\d+)\t(-|[0-9a-f]{64})\t(.*)$/.exec(line) ?? [];
    if (pid === undefined) return [];
    const container = byId.get(id);
    if (container?.managed === true) return [];
    const name = container?.name ?? (id === '-' ? undefined : id.slice(0, 12));
    return [{ dataset, pid: Number(pid), process, ...defined({ container: name }) }];
  });
}
