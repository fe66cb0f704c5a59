/**
 * Stands in for packages that drover's own packages name and drover never uses: gRPC (Docker's BuildKit sessions) and
 * React's developer tools. Loading them would cost a third of a verb's start. Whoever asks it for anything is told so.
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
