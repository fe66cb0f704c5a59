import type { Readable } from 'node:stream';
import { printLimit, unreadChannelBytes } from '../../model/limits.ts';

/**
 * Closes a channel on which more waits unread than a server may send: ssh2 announces a window of 2 MiB and takes
 * whatever comes all the same.
 */
export function boundUnread(channel: Readable): void {
  const push = channel.push.bind(channel);
  channel.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
    const isMore = push(chunk, encoding);
    if (channel.readableLength > unreadChannelBytes) {
      channel.destroy(new Error(`more than ${printLimit(unreadChannelBytes)} came that nothing had asked for`));
    }
    return isMore;
  };
}
