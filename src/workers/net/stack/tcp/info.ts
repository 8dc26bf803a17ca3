// What TCP_INFO tells of an endpoint (struct tcp_info), field by field, in Linux's units; what is not known is 0.

import { INFINITE_THRESHOLD, INITIAL_WINDOW } from "./congestion/congestion.ts";
import type { TcpEndpoint } from "./endpoint.ts";
import * as F from "./format.ts";
import { RTO_INITIAL_US, UNKNOWN_US } from "./rtt.ts";
import * as S from "./states.ts";

const OPTION_TIMESTAMPS = 1;
const OPTION_SACK = 2;
const OPTION_WINDOW_SCALE = 4;
const OPTION_ECN = 8;
const UNKNOWN_RTT = 0xffffffff;

/**
 * The fields of struct tcp_info that are told, by their names without tcpi_, as they are while there is no connection; times
 * in µs unless named otherwise.
 */
export class TcpInfo {
  state: number;
  caState = 0;
  retransmits = 0;
  probes = 0;
  backoff = 0;
  options = 0;
  sndWscale = 0;
  rcvWscale = 0;
  rto = RTO_INITIAL_US;
  ato = 0;
  sndMss = F.MSS_DEFAULT;
  rcvMss = 0;
  unacked = 0;
  sacked = 0;
  lost = 0;
  retrans = 0;
  /** In ms, since. */
  lastDataSent = 0;
  lastDataRecv = 0;
  lastAckRecv = 0;
  pmtu = 0;
  rcvSsthresh = 0;
  rtt = 0;
  rttvar = 250_000;
  sndSsthresh = INFINITE_THRESHOLD;
  sndCwnd = INITIAL_WINDOW;
  advmss = 0;
  reordering = 3;
  rcvRtt = 0;
  rcvSpace = 0;
  totalRetrans = 0;
  bytesAcked = 0;
  bytesReceived = 0;
  segsOut = 0;
  segsIn = 0;
  notsentBytes = 0;
  minRtt = UNKNOWN_RTT;
  dataSegsIn = 0;
  dataSegsOut = 0;
  delivered = 0;
  deliveredCe = 0;
  bytesSent = 0;
  bytesRetrans = 0;
  dsackDups = 0;
  reordSeen = 0;
  rcvOoopack = 0;
  sndWnd = 0;
  rcvWnd = 0;

  constructor(state: number) {
    this.state = state;
  }
}

export function tcpInfo(endpoint: TcpEndpoint): TcpInfo {
  const c = endpoint.connection;
  const info = new TcpInfo(endpoint.state);
  if (endpoint.listener !== null) {
    // Of a listener: connections that wait, and how many may.
    info.rto = 0;
    info.sndMss = 0;
    info.rttvar = 0;
    info.sndSsthresh = 0;
    info.minRtt = 0;
    info.unacked = endpoint.listener.queue.length;
    info.sacked = endpoint.listener.backlog;
    return info;
  }
  if (c === null) return info;
  const { nowUs, board, rtt } = c;
  const since = (us: number): number => Math.floor((nowUs - us) / 1000);
  const isOpen = c.state !== S.TCP_SYN_SENT;
  info.caState = c.caState;
  info.retransmits = c.retransmits;
  info.probes = c.probesOut;
  info.backoff = c.backoff;
  if (isOpen) {
    if (c.tsOk) info.options |= OPTION_TIMESTAMPS;
    if (c.sackOk) info.options |= OPTION_SACK;
    if (c.wscaleOk) info.options |= OPTION_WINDOW_SCALE;
    if (c.ecnOk) info.options |= OPTION_ECN;
    info.sndWscale = c.sndWscale;
    info.rcvWscale = c.wscaleOk ? c.rcvWscale : 0;
  }
  info.rto = Math.round(c.rtoUs);
  info.ato = Math.round(c.atoUs);
  info.sndMss = c.mss;
  info.rcvMss = c.receiveMss;
  info.unacked = c.packetsOut;
  info.sacked = c.sackedOut;
  info.lost = board.lostOut;
  info.retrans = board.retransOut;
  info.lastDataSent = since(c.lastSentUs);
  info.lastDataRecv = since(c.lastReceivedUs);
  info.lastAckRecv = since(c.lastAckReceivedUs);
  info.pmtu = c.pathMtu;
  info.rcvSsthresh = c.rcvThreshold;
  info.rtt = Math.floor(rtt.srttUs);
  info.rttvar = rtt.srttUs === 0 ? info.rttvar : Math.floor(rtt.deviationUs);
  info.sndSsthresh = c.ssthresh;
  info.sndCwnd = c.cwnd;
  info.advmss = c.advertisedMss;
  info.reordering = c.reordering;
  info.rcvRtt = Math.floor(c.rttEstimateUs);
  info.rcvSpace = c.spaceBytes;
  info.totalRetrans = c.totalRetransmits;
  info.bytesAcked = c.bytesAcked;
  info.bytesReceived = c.bytesReceived;
  info.segsOut = c.segmentsOut;
  info.segsIn = c.segmentsIn;
  info.notsentBytes = Math.max(0, c.notSent);
  info.minRtt = rtt.minUs === UNKNOWN_US ? UNKNOWN_RTT : rtt.minUs;
  info.dataSegsIn = c.dataSegmentsIn;
  info.dataSegsOut = c.dataSegmentsOut;
  info.delivered = c.delivered;
  info.deliveredCe = c.deliveredCe;
  info.bytesSent = c.bytesSent;
  info.bytesRetrans = c.losses.bytesRetransmitted;
  info.dsackDups = c.losses.dsackDups;
  info.reordSeen = c.losses.reorderEvents;
  info.rcvOoopack = c.disorder.packets;
  info.sndWnd = c.sndWnd;
  info.rcvWnd = c.receiveWindow;
  return info;
}
