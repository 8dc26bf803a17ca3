// Memory of a kernel thread's own through which frames go between the host and the stack: what comes in lands here before
// anybody has looked at it, and what goes out waits here for the host. One of each serves all links of the thread.

/** Frames that one call to the host moves at most. */
export const FRAMES_AT_ONCE = 32;
/** A frame of 65535 bytes behind its headers, and its virtio header: what is longer is cut off by the host. */
export const FRAME_MAX = 65536 + 64;
/** What waits to be sent by one link: a full batch of the longest. */
export const SEND_BYTES = FRAMES_AT_ONCE * FRAME_MAX;

/** Made with the first link: two megabytes. */
export function receiveBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(FRAMES_AT_ONCE * FRAME_MAX);
}
