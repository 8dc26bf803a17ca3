// The settings of /proc/sys/net/ipv4/conf and ipv6/conf, which each device has for itself: those of lo, and of all and
// default, and others that are numbers, with Linux's defaults. All are kept.

import type { Setting } from "./sysctls.ts";

const INT_MAX = 2 ** 31 - 1;
const INT_MIN = -(2 ** 31);

type Values = number | readonly [lo: number, all: number, others: number];

/** One value for all, or those of lo, all and default. */
const IPV4 = {
  accept_local: 0,
  accept_redirects: 1,
  accept_source_route: [1, 0, 1],
  arp_accept: 0,
  arp_announce: 0,
  arp_filter: 0,
  arp_ignore: 0,
  arp_notify: 0,
  bc_forwarding: 0,
  disable_policy: [1, 0, 0],
  disable_xfrm: [1, 0, 0],
  forwarding: 0,
  ignore_routes_with_linkdown: 0,
  log_martians: 0,
  promote_secondaries: 0,
  proxy_arp: 0,
  proxy_arp_pvlan: 0,
  route_localnet: 0,
  rp_filter: 0,
  secure_redirects: 1,
  send_redirects: 1,
  shared_media: 1,
  src_valid_mark: 0,
  tag: 0,
} as const satisfies Record<string, Values>;

const IPV6 = {
  accept_dad: [-1, 0, 1],
  accept_ra: 1,
  accept_ra_defrtr: 1,
  accept_ra_mtu: 1,
  accept_ra_pinfo: 1,
  accept_ra_rtr_pref: 1,
  accept_redirects: 1,
  accept_source_route: 0,
  addr_gen_mode: 0,
  autoconf: 1,
  dad_transmits: 1,
  disable_ipv6: 0,
  disable_policy: 0,
  forwarding: 0,
  hop_limit: 64,
  ignore_routes_with_linkdown: 0,
  keep_addr_on_down: 0,
  max_addresses: 16,
  mtu: [65536, 1280, 1280],
  ndisc_notify: 0,
  optimistic_dad: 0,
  proxy_ndp: 0,
  router_solicitation_delay: 1,
  router_solicitation_interval: 4,
  router_solicitations: -1,
  seg6_enabled: 0,
  temp_prefered_lft: 86400,
  temp_valid_lft: 604800,
  use_oif_addrs_only: 0,
  use_tempaddr: [-1, 0, 0],
} as const satisfies Record<string, Values>;

const PLACES = ["lo", "all", "default"] as const;
type Place = (typeof PLACES)[number];

function rows<F extends string, T extends Record<string, Values>>(
  family: F,
  table: T,
): Record<`net/${F}/conf/${Place}/${keyof T & string}`, Setting> {
  const settings: Record<string, Setting> = {};
  for (const [name, values] of Object.entries(table))
    for (const [i, place] of PLACES.entries()) {
      const initial = typeof values === "number" ? values : values[i]!;
      settings[`net/${family}/conf/${place}/${name}`] = {
        initial: [initial],
        min: INT_MIN,
        max: INT_MAX,
        mode: 0o644,
      };
    }
  return settings as Record<`net/${F}/conf/${Place}/${keyof T & string}`, Setting>;
}

export const DEVICE_SETTINGS = { ...rows("ipv4", IPV4), ...rows("ipv6", IPV6) };

const NUMBERS = {
  "net/core/tstamp_allow_data": 1,
  "net/ipv4/icmp_echo_enable_probe": 0,
  "net/ipv4/icmp_errors_use_inbound_ifaddr": 0,
  "net/ipv4/icmp_ignore_bogus_error_responses": 1,
  "net/ipv4/icmp_msgs_burst": 50,
  "net/ipv4/icmp_msgs_per_sec": 1000,
  "net/ipv4/igmp_link_local_mcast_reports": 1,
  "net/ipv4/igmp_max_msf": 10,
  "net/ipv4/igmp_qrv": 2,
  "net/ipv4/ip_autobind_reuse": 0,
  "net/ipv4/ip_dynaddr": 0,
  "net/ipv4/ip_early_demux": 1,
  "net/ipv4/ip_forward_update_priority": 1,
  "net/ipv4/ip_forward_use_pmtu": 0,
  "net/ipv4/ipfrag_high_thresh": 4194304,
  "net/ipv4/ipfrag_low_thresh": 3145728,
  "net/ipv4/ipfrag_max_dist": 64,
  "net/ipv4/ipfrag_time": 30,
  "net/ipv4/route/min_adv_mss": 256,
  "net/ipv4/route/min_pmtu": 552,
  "net/ipv4/route/mtu_expires": 600,
  "net/ipv4/tcp_adv_win_scale": 1,
  "net/ipv4/tcp_app_win": 31,
  "net/ipv4/tcp_autocorking": 1,
  "net/ipv4/tcp_backlog_ack_defer": 1,
  "net/ipv4/tcp_base_mss": 1024,
  "net/ipv4/tcp_challenge_ack_limit": 2147483647,
  "net/ipv4/tcp_comp_sack_delay_ns": 1000000,
  "net/ipv4/tcp_comp_sack_nr": 44,
  "net/ipv4/tcp_comp_sack_slack_ns": 100000,
  "net/ipv4/tcp_early_demux": 1,
  "net/ipv4/tcp_ecn_fallback": 1,
  "net/ipv4/tcp_ecn_option": 2,
  "net/ipv4/tcp_ecn_option_beacon": 3,
  "net/ipv4/tcp_fack": 0,
  "net/ipv4/tcp_fastopen_blackhole_timeout_sec": 0,
  "net/ipv4/tcp_fwmark_accept": 0,
  "net/ipv4/tcp_invalid_ratelimit": 500,
  "net/ipv4/tcp_limit_output_bytes": 4194304,
  "net/ipv4/tcp_max_reordering": 300,
  "net/ipv4/tcp_max_tw_buckets": 65536,
  "net/ipv4/tcp_migrate_req": 0,
  "net/ipv4/tcp_min_rtt_wlen": 300,
  "net/ipv4/tcp_min_tso_segs": 2,
  "net/ipv4/tcp_mtu_probe_floor": 48,
  "net/ipv4/tcp_no_metrics_save": 0,
  "net/ipv4/tcp_no_ssthresh_metrics_save": 1,
  "net/ipv4/tcp_pacing_ca_ratio": 120,
  "net/ipv4/tcp_pacing_ss_ratio": 200,
  "net/ipv4/tcp_pingpong_thresh": 1,
  "net/ipv4/tcp_probe_interval": 600,
  "net/ipv4/tcp_probe_threshold": 8,
  "net/ipv4/tcp_recovery": 1,
  "net/ipv4/tcp_reflect_tos": 0,
  "net/ipv4/tcp_reordering": 3,
  "net/ipv4/tcp_retrans_collapse": 1,
  "net/ipv4/tcp_rfc1337": 0,
  "net/ipv4/tcp_rto_max_ms": 120000,
  "net/ipv4/tcp_rto_min_us": 200000,
  "net/ipv4/tcp_shrink_window": 0,
  "net/ipv4/tcp_stdurg": 0,
  "net/ipv4/tcp_thin_linear_timeouts": 0,
  "net/ipv4/tcp_tso_rtt_log": 9,
  "net/ipv4/tcp_tso_win_divisor": 3,
  "net/ipv4/tcp_tw_reuse_delay": 1000,
  "net/ipv4/tcp_workaround_signed_windows": 0,
  "net/ipv4/udp_early_demux": 1,
  "net/ipv6/anycast_src_echo_reply": 0,
  "net/ipv6/flowlabel_consistency": 1,
  "net/ipv6/flowlabel_reflect": 0,
  "net/ipv6/flowlabel_state_ranges": 0,
  "net/ipv6/fwmark_reflect": 0,
  "net/ipv6/icmp/echo_ignore_all": 0,
  "net/ipv6/icmp/echo_ignore_anycast": 0,
  "net/ipv6/icmp/echo_ignore_multicast": 0,
  "net/ipv6/icmp/error_anycast_as_unicast": 0,
  "net/ipv6/icmp/ratelimit": 100,
  "net/ipv6/idgen_delay": 1,
  "net/ipv6/idgen_retries": 3,
  "net/ipv6/ip6frag_high_thresh": 4194304,
  "net/ipv6/ip6frag_low_thresh": 3145728,
  "net/ipv6/ip6frag_time": 60,
  "net/ipv6/max_dst_opts_length": 2147483647,
  "net/ipv6/max_dst_opts_number": 8,
  "net/ipv6/max_hbh_length": 2147483647,
  "net/ipv6/max_hbh_opts_number": 8,
  "net/ipv6/route/gc_elasticity": 9,
  "net/ipv6/route/gc_interval": 30,
  "net/ipv6/route/gc_min_interval": 0,
  "net/ipv6/route/gc_min_interval_ms": 500,
  "net/ipv6/route/gc_thresh": 1024,
  "net/ipv6/route/gc_timeout": 60,
  "net/ipv6/route/max_size": 2147483647,
  "net/ipv6/route/min_adv_mss": 1220,
  "net/ipv6/route/mtu_expires": 600,
  "net/ipv6/route/skip_notify_on_dev_down": 0,
  "net/unix/max_dgram_qlen": 10,
} as const satisfies Record<string, number>;

function numbers<T extends Record<string, number>>(table: T): Record<keyof T & string, Setting> {
  const settings: Record<string, Setting> = {};
  for (const [name, initial] of Object.entries(table))
    settings[name] = { initial: [initial], min: INT_MIN, max: INT_MAX, mode: 0o644 };
  return settings as Record<keyof T & string, Setting>;
}

/** Settings of a network namespace that are numbers. A few of them the network takes over (net/inet/inet_stack.ts). */
export const NUMBER_SETTINGS = numbers(NUMBERS);
