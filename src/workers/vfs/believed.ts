/** How long what the host said of a file counts. */
export const BELIEVED_NS = 100e6;
