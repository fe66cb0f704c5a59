/**
 * Replaces packages that drover's packages name and drover never uses: gRPC (Docker's BuildKit sessions) and React's
 * developer tools. Loading them would take a third of a command's start. Any use of it throws.
 */
module.exports = new Proxy(
  {},
  {
    get(_target, name) {
      if (typeof name === 'symbol' || name === 'default' || name === '__esModule') return undefined;
      throw new Error(`this build of drover leaves out the package that has "${String(name)}"`);
    },
  },
);
