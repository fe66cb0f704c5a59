/**
 * Every key of the Compose Specification, each in one class, as plain data: what drover does with it. The checks of the
 * readers, the editors' schema and docs/compose.md follow from it.
 *
 * - `runs`: a setting of the container, or a part of one: Docker gets it, and a change replaces the container.
 * - `ours`: drover gives it a meaning of its own, in this folder.
 * - `noted`: it has no effect here, and the reason; the file is accepted.
 * - `refused`: why, and what to do in its place.
 */
export type KeyRule =
  | 'runs'
  | 'ours'
  | { readonly noted: string }
  | { readonly refused: string; readonly hint: string };

export type KeyRules = Readonly<Record<string, KeyRule>>;

const runs = 'runs';
const ours = 'ours';
const noted = (why: string): KeyRule => ({ noted: why });
const refused = (why: string, hint: string): KeyRule => ({ refused: why, hint });

const builds = noted('drover builds no images: it runs the one that "image" names');
const develops = noted('it is for "docker compose watch"');
const placed = noted('deployment.yml says where an application runs');
const updates = noted('drover replaces the one container of an application');
const drivers = noted("every network is drover's own");
const windows = noted('it is for Windows, and the nodes run Linux');
const models = refused('drover runs no models', 'run the model server as a service with its own "image"');
const providers = refused('drover runs containers only', 'run it as a service with an "image", or without drover');

/** Keys that share one rule, separated by spaces. */
const each = (rule: KeyRule, keys: string): KeyRules => Object.fromEntries(keys.split(' ').map((key) => [key, rule]));

/** The keys of each kind of mapping in a Compose file. */
export const composeKeys = {
  file: {
    version: noted('the Compose Specification has no versions'),
    name: ours,
    include: ours,
    services: ours,
    models,
    networks: ours,
    volumes: ours,
    secrets: ours,
    configs: ours,
  },
  include: each(ours, 'path env_file project_directory'),

  service: {
    annotations: runs,
    attach: noted('it is for "docker compose up"'),
    blkio_config: runs,
    build: ours,
    cap_add: runs,
    cap_drop: runs,
    cgroup: runs,
    cgroup_parent: runs,
    command: runs,
    configs: ours,
    container_name: ours,
    cpu_count: windows,
    cpu_percent: windows,
    cpu_period: runs,
    cpu_quota: runs,
    cpu_rt_period: runs,
    cpu_rt_runtime: runs,
    cpu_shares: runs,
    cpus: runs,
    cpuset: runs,
    credential_spec: refused('it is for Windows, and the nodes run Linux', 'remove it'),
    depends_on: ours,
    deploy: ours,
    develop: develops,
    device_cgroup_rules: runs,
    devices: runs,
    dns: runs,
    dns_opt: runs,
    dns_search: runs,
    domainname: runs,
    entrypoint: runs,
    env_file: ours,
    environment: ours,
    expose: ours,
    extends: ours,
    external_links: refused(
      'it names a container that is not in this file',
      'add that container as a service; services find each other by name',
    ),
    extra_hosts: runs,
    gpus: runs,
    group_add: runs,
    healthcheck: runs,
    hostname: runs,
    image: ours,
    init: runs,
    ipc: runs,
    isolation: windows,
    label_file: ours,
    labels: runs,
    links: ours,
    logging: runs,
    mac_address: runs,
    mem_limit: runs,
    mem_reservation: runs,
    mem_swappiness: runs,
    memswap_limit: runs,
    models,
    network_mode: runs,
    networks: ours,
    oom_kill_disable: runs,
    oom_score_adj: runs,
    pid: runs,
    pids_limit: runs,
    platform: runs,
    ports: ours,
    post_start: ours,
    pre_stop: ours,
    privileged: runs,
    profiles: ours,
    provider: providers,
    pull_policy: ours,
    pull_refresh_after: noted('drover pulls an image where a node does not have it'),
    read_only: runs,
    restart: runs,
    runtime: runs,
    scale: ours,
    secrets: ours,
    security_opt: runs,
    shm_size: runs,
    stdin_open: runs,
    stop_grace_period: runs,
    stop_signal: runs,
    storage_opt: runs,
    sysctls: runs,
    tmpfs: ours,
    tty: runs,
    ulimits: runs,
    use_api_socket: refused(
      "it gives the container Docker's socket and the credentials of the machine that runs the command",
      'bind /var/run/docker.sock with "volumes"',
    ),
    user: runs,
    userns_mode: runs,
    uts: runs,
    volumes: ours,
    volumes_from: ours,
    working_dir: runs,
  },

  build: {
    ...each(builds, 'context dockerfile dockerfile_inline entitlements args ssh labels cache_from cache_to no_cache'),
    ...each(
      builds,
      'additional_contexts network provenance sbom pull target shm_size extra_hosts isolation privileged',
    ),
    ...each(builds, 'secrets tags ulimits platforms'),
  },
  develop: { watch: develops },
  'develop.watch': each(develops, 'ignore include path action target exec initial_sync'),

  blkio_config: each(runs, 'device_read_bps device_read_iops device_write_bps device_write_iops weight weight_device'),
  'blkio_config.rate': each(runs, 'path rate'),
  'blkio_config.weight_device': each(runs, 'path weight'),
  credential_spec: each(refused('it is for Windows, and the nodes run Linux', 'remove it'), 'config file registry'),
  depends_on: each(ours, 'condition restart required'),
  devices: each(runs, 'source target permissions'),
  env_file: each(ours, 'path format required'),
  extends: each(ours, 'service file'),
  gpus: each(runs, 'capabilities count device_ids driver options'),
  healthcheck: each(runs, 'disable interval retries test timeout start_period start_interval'),
  logging: each(runs, 'driver options'),
  'service.models': each(models, 'endpoint_var model_var'),
  'service.networks': {
    aliases: ours,
    ...each(noted('drover gives each application one address, the same on every node'), 'ipv4_address ipv6_address'),
    ...each(drivers, 'interface_name link_local_ips mac_address driver_opts priority gw_priority'),
  },
  ports: {
    ...each(ours, 'target published protocol host_ip'),
    ...each(noted('it describes the port'), 'name app_protocol'),
    mode: noted('a port is published on its node, and every other node forwards it'),
  },
  provider: each(providers, 'type options'),
  'service.files': each(ours, 'source target uid gid mode'),
  ulimits: each(runs, 'hard soft'),
  'service.volumes': {
    ...each(ours, 'type source target read_only bind volume tmpfs'),
    consistency: noted('it is for Docker on macOS'),
    image: refused('drover mounts no images', 'put the files into the image of the service, or into a volume'),
  },
  'service.volumes.bind': {
    ...each(ours, 'propagation create_host_path recursive'),
    selinux: noted('the nodes run without SELinux'),
  },
  'service.volumes.volume': {
    labels: noted('a volume is a dataset of ZFS'),
    nocopy: ours,
    subpath: refused(
      'a symbolic link in the volume could lead out of it, to files of the node',
      'give the folder a volume of its own',
    ),
  },
  'service.volumes.tmpfs': each(ours, 'size mode'),
  'service.volumes.image': each(refused('drover mounts no images', 'remove it'), 'subpath'),
  hook: each(ours, 'command user privileged working_dir environment'),

  deploy: {
    ...each(ours, 'replicas resources restart_policy'),
    mode: noted('it is for Swarm: a service is one container on one node'),
    endpoint_mode: drivers,
    labels: noted('they are labels of a Swarm service; "labels" of the service are those of its container'),
    placement: placed,
    ...each(updates, 'update_config rollback_config'),
  },
  'deploy.update_config': each(updates, 'parallelism delay failure_action monitor max_failure_ratio order'),
  'deploy.rollback_config': each(updates, 'parallelism delay failure_action monitor max_failure_ratio order'),
  'deploy.resources': each(ours, 'limits reservations'),
  'deploy.resources.limits': each(runs, 'cpus memory pids'),
  'deploy.resources.reservations': {
    cpus: noted('Docker reserves no CPUs'),
    ...each(runs, 'memory devices'),
    generic_resources: placed,
  },
  'deploy.resources.reservations.devices': each(runs, 'capabilities count device_ids driver options'),
  'deploy.resources.reservations.generic_resources': each(placed, 'discrete_resource_spec'),
  'deploy.resources.reservations.generic_resources.discrete_resource_spec': each(placed, 'kind value'),
  'deploy.restart_policy': {
    ...each(runs, 'condition max_attempts'),
    ...each(noted('Docker waits longer after each exit by itself'), 'delay window'),
  },
  'deploy.placement': each(placed, 'constraints preferences max_replicas_per_node'),
  'deploy.placement.preferences': each(placed, 'spread'),

  network: {
    ...each(ours, 'name internal external'),
    ...each(drivers, 'driver driver_opts ipam enable_ipv4 enable_ipv6 attachable labels'),
  },
  'network.ipam': each(drivers, 'driver config options'),
  'network.ipam.config': each(drivers, 'subnet ip_range gateway aux_addresses'),
  volume: { ...each(ours, 'name driver driver_opts external'), labels: noted('a volume is a dataset of ZFS') },
  secret: {
    ...each(ours, 'name environment file external labels'),
    ...each(refused('it is for Swarm', 'remove it'), 'driver driver_opts template_driver'),
  },
  config: {
    ...each(ours, 'name content environment file external labels'),
    template_driver: refused('it is for Swarm', 'remove it'),
  },
  /** The `external: {name: …}` of early files. */
  external: each(ours, 'name'),
  model: each(models, 'name model context_size runtime_flags'),
} as const satisfies Readonly<Record<string, KeyRules>>;

/** A kind of mapping in a Compose file. */
export type KeySection = keyof typeof composeKeys;
