/** This process's environment, as far as it decides how a host is reached. */
export type Environment = Readonly<Record<string, string | undefined>>;
