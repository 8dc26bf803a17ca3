// The settings of /proc/sys/net/ipv4/conf and ipv6/conf, which each device has for itself: those of lo, and of all and
// default, with Linux's defaults. They are kept.

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
