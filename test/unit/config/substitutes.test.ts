import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';

const load = (image: string, ...drover: readonly string[]) =>
  loadConfig({
    application: { path: 'application.yml', text: `version: 1\napplications:\n  db: {image: "${image}"}\n` },
    deployment: { path: 'deployment.yml', text: 'version: 1\nnodes:\n  10.0.0.1: [db]\n' },
    drover: drover.map((text, index) => ({ path: `drover${index}.yml`, text })),
  });

function imagesOf(result: ReturnType<typeof load>) {
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join('\n'));
  const { image, insteadOf } = result.config.applications.db ?? {};
  return { image, insteadOf };
}

describe('images to run in place of others', () => {
  it('runs what drover.yml names, and keeps what the file asked for', () => {
    expect(imagesOf(load('mongo:7', 'images: {mongo: "drover/mongodb:1.24"}'))).toEqual({
      image: { repository: 'drover/mongodb', tag: '1.24' },
      insteadOf: { repository: 'mongo', tag: '7' },
    });
  });

  it('prefers the entry with the tag, and the first file', () => {
    const image = imagesOf(load('mongo:7', 'images: {"mongo:7": "a:1", mongo: "b:1"}', 'images: {mongo: "c:1"}')).image;
    expect(image).toEqual({ repository: 'a', tag: '1' });
  });

  it('leaves other images, and images named by digest, as they are', () => {
    const digest = `mongo@sha256:${'a'.repeat(64)}`;
    expect(imagesOf(load('mongodb:7', 'images: {mongo: "a:1"}')).insteadOf).toBeUndefined();
    expect(imagesOf(load(digest, 'images: {mongo: "a:1"}')).insteadOf).toBeUndefined();
  });

  it('reports a malformed name at its place', () => {
    expect(load('mongo:7', 'images:\n  mongo: "a:"\n')).toMatchObject({
      ok: false,
      problems: [{ file: 'drover0.yml', line: 2, column: 10, path: 'images/mongo' }],
    });
  });
});
