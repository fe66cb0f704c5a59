/** True where the path is inside the directory, and not the directory itself. */
export const liesBelow = (path: string, directory: string): boolean =>
  path !== directory && path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
