/** Ethernet frames on a stream as QEMU's `-netdev stream` sends them: four bytes of length, high byte first, then the frame. */
const HEAD = 4;
/** Longer than any frame of a machine without segmentation offload: a larger length is an error. */
export const LONGEST = 65_536 + 64;

/** The bytes of a frame on the stream. */
export function packFrame(frame: Buffer): Buffer {
  const head = Buffer.allocUnsafe(HEAD);
  head.writeUInt32BE(frame.length);
  return Buffer.concat([head, frame]);
}

/**
 * Returns a function that takes the pieces of a stream and calls `onFrame` for each whole frame; it throws where the stream
 * does not consist of frames. `onFrame` may keep the frame only until it returns.
 */
export function frameReader(onFrame: (frame: Buffer) => void): (piece: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (piece) => {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let at = 0;
    while (rest.length - at >= HEAD) {
      const length = rest.readUInt32BE(at);
      if (length > LONGEST) throw new Error(`a frame of ${length} bytes: not a stream of frames`);
      if (rest.length - at - HEAD < length) break;
      onFrame(rest.subarray(at + HEAD, at + HEAD + length));
      at += HEAD + length;
    }
    rest = rest.subarray(at);
  };
}
