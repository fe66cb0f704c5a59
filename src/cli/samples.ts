/** What `drover` offers to write into a folder that has no files yet: small, commented, valid. */
export const sampleFiles = (schemas: string): Readonly<Record<string, string>> => ({
  'application.yml': `# yaml-language-server: $schema=${schemas}/application.schema.json
# What there is: each application is one container, wherever it runs.
version: 1
applications:
  database:
    image: postgres:16
    ports:
      - internal: 5432 # in the container
        external: 5432 # on every node: no two applications may have the same
    environment:
      POSTGRES_PASSWORD: change-me
    volume:
      # What is written here lies on a ZFS dataset and moves with the application.
      mountpoint: /var/lib/postgresql/data
  web:
    image: nginx:1.27
    ports:
      - internal: 80
        external: 8080
    links:
      # DB_PORT_5432_TCP_ADDR and _PORT in web's environment lead to the database, on whichever node it runs.
      - local_port: 5432
        remote_port: 5432
        alias: db
`,
  'deployment.yml': `# yaml-language-server: $schema=${schemas}/deployment.schema.json
# Where each application runs: node -> applications. Move a name to another line, save, and it moves with its data.
version: 1
nodes:
  192.0.2.11: [database]
  192.0.2.12: [web]
`,
});
