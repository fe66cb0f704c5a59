/** A recipe: how one container image is made. Each folder here with a recipe.ts is one; its name is the image's. */
export interface Recipe {
  readonly ref: string;
  /** The set it belongs to; without one every lab has the image. */
  readonly set?: string;
  /** Official images (repository names) that it can run in place of where no registry answers. */
  readonly standsFor?: readonly string[];
  /** Files of this folder that its hash covers, besides tools.ts. */
  readonly uses?: readonly string[];
  /** Lines for `docker import --change`. */
  readonly changes: readonly string[];
  build(place: BuildPlace): Promise<void>;
}

export interface BuildPlace {
  /** The recipe's own folder. */
  readonly dir: string;
  /** The empty folder that becomes the image. */
  readonly root: string;
  /** A folder that is removed afterwards. */
  readonly temp: string;
  /** A folder that stays. */
  readonly cache: string;
}
