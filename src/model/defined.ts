/** The type of an object without its undefined values. */
export type Defined<T> = {
  readonly [K in keyof T as undefined extends T[K] ? never : K]: T[K];
} & {
  readonly [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** The object without its undefined values: an optional property is absent, never undefined. */
export function defined<T extends object>(values: T): Defined<T> {
  const found: Partial<Record<string, unknown>> = {};
  for (const key in values) if (values[key] !== undefined) found[key] = values[key];
  // Only values that the type allows to be undefined are left out.
  return found as Defined<T>;
}
