// The states of a connection, by the numbers that TCP_INFO and /proc/net/tcp tell.

export const TCP_ESTABLISHED = 1;
export const TCP_SYN_SENT = 2;
export const TCP_SYN_RECV = 3;
export const TCP_FIN_WAIT1 = 4;
export const TCP_FIN_WAIT2 = 5;
export const TCP_TIME_WAIT = 6;
export const TCP_CLOSE = 7;
export const TCP_CLOSE_WAIT = 8;
export const TCP_LAST_ACK = 9;
export const TCP_LISTEN = 10;
export const TCP_CLOSING = 11;

/** Sets of states, as bits by their numbers. */
export function states(...all: number[]): number {
  return all.reduce((bits, state) => bits | (1 << state), 0);
}

export function isIn(state: number, set: number): boolean {
  return ((1 << state) & set) !== 0;
}

/** The handshake is under way. */
export const OPENING = states(TCP_SYN_SENT, TCP_SYN_RECV);
/** The peer has said nothing yet, or it is over. */
export const UNESTABLISHED = states(TCP_CLOSE, TCP_SYN_SENT);
