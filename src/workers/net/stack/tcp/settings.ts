// What sysctls set of TCP (net.ipv4.tcp_*), by Linux's names and with its defaults; IPv6 has the same.

import { type CongestionControlName, DEFAULT_CONTROL } from "../../../../shared/abi/tcp.ts";

/** A size of buffers: the least, the first, the greatest. */
export interface BufferSizes {
  min: number;
  initial: number;
  max: number;
}

export class TcpSettings {
  /** tcp_rmem, tcp_wmem */
  receiveBuffer: BufferSizes = { min: 4096, initial: 131072, max: 33554432 };
  sendBuffer: BufferSizes = { min: 4096, initial: 16384, max: 4194304 };
  /** tcp_moderate_rcvbuf */
  moderatesReceiveBuffer = true;
  /** tcp_window_scaling, tcp_timestamps, tcp_sack, tcp_dsack */
  windowScaling = true;
  timestamps = true;
  sack = true;
  dsack = true;
  /** tcp_ecn: 0 no, 1 asked and granted, 2 granted. */
  ecn = 2;
  /** tcp_congestion_control */
  congestion: CongestionControlName = DEFAULT_CONTROL;
  /** tcp_syn_retries, tcp_synack_retries, tcp_retries1, tcp_retries2, tcp_orphan_retries */
  synRetries = 6;
  synAckRetries = 5;
  /** tcp_syn_linear_timeouts */
  synLinearTimeouts = 4;
  retries1 = 3;
  retries2 = 15;
  orphanRetries = 0;
  /** tcp_keepalive_time, tcp_keepalive_intvl, in s; tcp_keepalive_probes */
  keepaliveIdle = 7200;
  keepaliveInterval = 75;
  keepaliveProbes = 9;
  /** tcp_fin_timeout, in s. */
  finTimeout = 60;
  /** tcp_tw_reuse: 0 no, 1 yes, 2 over loopback. */
  timeWaitReuse = 2;
  /** tcp_max_tw_buckets, tcp_max_orphans, tcp_max_syn_backlog; net.core.somaxconn */
  timeWaitMax = 65536;
  orphansMax = 65536;
  synBacklogMax = 4096;
  somaxconn = 4096;
  /** tcp_syncookies: 0 never, 1 under pressure, 2 always. */
  synCookies = 1;
  /** tcp_abort_on_overflow */
  abortsOnOverflow = false;
  /** tcp_slow_start_after_idle */
  slowStartAfterIdle = true;
  /** tcp_frto, tcp_early_retrans (3: with TLP), tcp_thin_linear_timeouts, tcp_no_metrics_save is not known. */
  frto = true;
  tailLossProbe = true;
  thinLinearTimeouts = false;
  /** tcp_reordering, tcp_max_reordering */
  reordering = 3;
  reorderingMax = 300;
  /** tcp_invalid_ratelimit, in µs. */
  invalidRateUs = 500_000;
  /** tcp_challenge_ack_limit, a second. */
  challengeAcksMax = 0x7fffffff;
  /** tcp_rfc1337, tcp_stdurg */
  rfc1337 = false;
  stdUrgent = false;
  /** tcp_min_snd_mss, tcp_base_mss, tcp_mtu_probing */
  minSendMss = 48;
  /** tcp_notsent_lowat */
  notSentLowat = 0xffffffff;
}
