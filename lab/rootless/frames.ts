/** Ethernet frames on a stream, as QEMU's `-netdev stream` sends them: four bytes of length, high first, then the frame. */
const HEAD = 4;
/** Longer than any frame of a machine without segmentation offload; a stream that says more is no frame stream. */
export const LONGEST = 65_536 + 64;

/** `frame` as it goes onto the stream. */
export function packFrame(frame) {
  const head = Buffer.allocUnsafe(HEAD);
  head.writeUInt32BE(frame.length);
  return Buffer.concat([head, frame]);
}

/** Returns a function that takes the stream's pieces as they come and calls `onFrame` for each whole frame. */
export function frameReader(onFrame) {
  let rest = Buffer.alloc(0);
  return (piece) => {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let at = 0;
    while (rest.length - at >= HEAD) {
      const length = rest.readUInt32BE(at);
      if (length > LONGEST) throw new Error(`a frame of ${length} bytes: this is no stream of frames`);
      if (rest.length - at - HEAD < length) break;
      onFrame(rest.subarray(at + HEAD, at + HEAD + length));
      at += HEAD + length;
    }
    rest = rest.subarray(at);
  };
}
