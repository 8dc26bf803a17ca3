# What ip(8) changes and tells of d0, lo, addresses, routes, rules and neighbours, and what `ip monitor` hears of it. $1 is
# where that goes. d0 is there, and down.
s() {
  # Linux makes an address's own route a moment later, in the background.
  case "$*" in "ip -6 route show"*) sleep 0.1 ;; esac
  echo "## $*"
  "$@" 2>&1
}
# As soon as it has an address of its own, which Linux gives when it has seen that there is a carrier.
up() {
  echo "## up"
  ip link set d0 up
  until ip -6 addr show dev d0 scope link | grep -q fe80; do sleep 0.05; done
}
ip monitor link address route rule neigh >"$1" 2>&1 &
MONITOR=$!
until ip link set lo txqueuelen $((n += 1)) && [ -s "$1" ]; do sleep 0.05; done
ip link set lo txqueuelen 1000
s ip link set d0 address 02:00:00:00:00:01
s ip -6 addr add fd00:1::1/64 dev d0 nodad
s ip -6 addr
s ip -6 route show table all
up
s ip -6 addr
s ip -6 route show table all
s ip -6 addr add fd00::1/64 dev d0 nodad
s ip -6 addr add fd00::1/64 dev d0 nodad
s ip -6 addr add fd00::2/64 dev d0 nodad
s ip -6 addr add fd00::3/128 dev d0 nodad
s ip -6 route show table all
s ip -6 addr del fd00::1/64 dev d0
s ip -6 addr del fd00::2/64 dev d0
s ip -6 addr del fd00::2/64 dev d0
s ip addr del 10.0.0.1/8 dev d0
s ip -6 route add fd01::/16 via fd00::1
s ip -6 route add fd01::/16 via fd00:1::2
s ip -6 route add fd01::/16 via fd00:1::2
s ip -6 route add fd01::/16 via fd00:1::3
s ip -6 route add default via fe80::1 dev d0
s ip -6 route add default via fe80::1
s ip -6 route add fd07::/16 via fd00:1::1
s ip -6 route add blackhole fd02::/16
s ip -6 route add unreachable fd03::/16 metric 7
s ip -6 route add throw fd04::/16 table 77
s ip -6 route show table all
s ip -6 route del fd01::/16
s ip -6 route del fd01::/16
s ip -6 route replace fd01::/16 via fd00:1::9
s ip -6 route replace fd01::/16 via fd00:1::8
s ip -6 route get fd01::1
s ip -6 route get fd02::1
s ip -6 route get fd03::1
s ip -6 route get fe80::77 dev d0
s ip -6 route get ::1
s ip addr add 10.1.2.3/24 dev d0
s ip addr add 10.1.2.3/24 dev d0
s ip addr change 10.1.2.3/24 dev d0 brd 10.1.2.255 valid_lft 100 preferred_lft 50
s ip addr replace 10.1.2.3/24 dev d0
s ip addr add 10.1.2.4/24 dev d0
s ip addr add 10.1.2.5/24 dev d0 scope link
s ip addr add 10.9.9.9/32 brd + dev d0
s ip addr add 10.8.0.1/16 brd + dev d0 label d0:x
s ip addr add 10.20.0.1 peer 10.20.0.2/32 dev d0
s ip addr add 10.30.0.1/31 dev d0
s ip -o -4 addr
s ip -o -4 addr show label d0:*
s ip route show table all
s ip addr del 10.20.0.1 peer 10.20.0.2/32 dev d0
s ip addr del 10.9.9.9/32 dev d0
s ip addr del 10.30.0.1/31 dev d0
s ip route add 10.5.0.0/16 via 10.1.2.9 dev lo
s ip route add 10.5.0.0/16 via 10.1.2.3
s ip route add 10.5.0.0/16 via 10.99.2.3 dev d0
s ip route add 10.5.0.0/16 via 10.99.2.3 dev d0 onlink
s ip route add 10.52.0.0/16 via 10.99.2.3 dev d0 onlink
s ip route add 10.53.0.0/16 via 10.1.2.255
s ip route add 10.5.0.1/16 dev d0
s ip route append 10.5.0.0/16 dev d0
s ip route append 10.5.0.0/16 dev d0
s ip route change 10.55.0.0/16 dev d0
s ip route change 10.5.0.0/16 dev d0 mtu 1300
s ip route replace 10.56.0.0/16 via 10.1.2.7
s ip route replace 10.56.0.0/16 via 10.1.2.8
s ip route del 10.66.0.0/16
s ip route del 10.5.0.0/16 dev lo
s ip route add 10.6.0.0/16 dev d0 src 10.4.4.4
s ip route add 10.6.0.0/16 dev d0 src 10.1.2.3 metric 10
s ip route prepend 10.6.0.0/16 dev d0 metric 10
s ip route add 0.0.0.0/0 dev d0
s ip route add default via 10.1.2.1 metric 5
s ip route add blackhole 10.7.0.0/16
s ip route add unreachable 10.7.1.0/24
s ip route add prohibit 10.7.2.0/24 metric 5
s ip route add throw 10.7.3.0/24 table 100
s ip route add 10.7.3.0/24 dev d0 table 1000
s ip route add local 10.7.9.0/24 dev lo
s ip route add broadcast 10.7.10.0/24 dev d0
s ip route add multicast 224.0.0.0/4 dev d0
s ip route add 10.71.0.0/16 dev d0 scope host
s ip route add 10.72.0.0/16 dev d0 tos 0x10
s ip route add 10.73.0.0/16
s ip route add 10.74.0.0/16 dev d0 proto static
s ip route show table all
s ip route show table 1000
s ip route show 10.7.0.0/16
s ip route show root 10.7.0.0/16
s ip route get 10.5.1.1
s ip route get 10.56.1.1
s ip route get 10.7.0.1
s ip route get 10.7.1.1
s ip route get 10.7.2.1
s ip route get 10.7.9.1
s ip route get 127.0.0.1
s ip route get 8.8.8.8
s ip route get 8.8.8.8 from 10.8.0.1
s ip route get 8.8.8.8 from 10.99.0.1
s ip route get 8.8.8.8 oif lo
s ip route get 10.8.255.255
s ip route get 224.0.0.5
s ip route get 10.1.2.3
s ip route get fibmatch 10.56.1.1
s ip route flush 10.6.0.0/16
s ip route
s ip rule add pref 5
s ip rule add pref 5 table 9
s ip rule add pref 5 table 9
s ip rule del pref 6
s ip rule del pref 5
s ip rule add goto 32766
s ip rule add prohibit from 1.1.1.1
s ip rule add from 10.0.0.0/8 table 100
s ip rule add fwmark 0x1/0xf lookup 7 pref 100
s ip rule add fwmark 0x7 lookup 8
s ip rule add iif lo to 1.2.3.0/24 blackhole
s ip rule add oif nix ipproto tcp sport 100-200 dport 80 lookup 1000
s ip rule add not from 9.9.9.9 uidrange 5-10 lookup main suppress_prefixlength 0
s ip rule add tos 0x10 lookup 55
s ip -6 rule add from fd00::/8 lookup 44
s ip rule del from all lookup 56
s ip rule del fwmark 0x7
s ip rule
s ip -6 rule
s ip route get 1.2.3.4
s ip route get 10.7.3.4 from 10.8.0.1
s ip route get 1.2.3.4 mark 1
s ip rule del goto 32766
s ip rule flush
s ip rule
s ip rule add lookup main pref 32766
s ip rule add lookup default pref 32767
s ip neigh add 10.8.0.7 lladdr 02:00:00:00:00:07 dev d0
s ip neigh add 10.8.0.7 lladdr 02:00:00:00:00:07 dev d0
s ip neigh replace 10.8.0.7 lladdr 02:00:00:00:00:08 dev d0
s ip neigh change 10.8.0.9 lladdr 02:00:00:00:00:08 dev d0
s ip neigh add fd00:1::7 lladdr 02:00:00:00:00:09 dev d0 nud permanent
s ip neigh show nud permanent
s ip neigh get 10.8.0.7 dev d0
s ip neigh del 10.8.0.7 dev d0
s ip neigh del 10.8.0.7 dev d0
s ip link set d0 mtu 1000
s ip -6 addr
s ip -6 route show table all
s ip link set d0 mtu 1500
s ip link set d0 txqueuelen 77
s ip -6 addr
s ip link set d0 down
s ip -o addr
s ip route show table all
up
s ip route show table all
s ip addr del 10.1.2.3/24 dev d0
s ip -o -4 addr
s ip route show table all
s ip addr del 10.8.0.1/16 dev d0
s ip route show table all
s ip link set d0 down
s ip link set d0 name lo
s ip link del lo
s ip link set d0 name e0
s ip link set e0 name d0
s ip link set lo address 02:00:00:00:00:01
s ip link set d0 address 03:00:00:00:00:01
s ip link set d0 address 00:00:00:00:00:00
s ip link property add dev d0 altname foo
s ip link property add dev d0 altname foo
s ip link show foo | grep -c altname
s ip link property del dev d0 altname foo
s ip link set d0 alias hello
s ip link show d0 | grep alias
s ip link set d0 master lo
s ip link set lo mtu 1280
s ip addr add 10.3.3.3/8 dev lo scope host
s ip addr add 127.0.0.1/8 dev lo
s ip route show table local
s ip addr add 10.33.3.3/33 dev lo
s ip addr flush dev lo
s ip route show table all
s ip link set lo down
s ip -o addr
s ip route show table all
s ip link set lo up
s ip -o addr
s ip route show table all
s ip link add lo type dummy
s ip link add x type nosuch
s ip link set nix up
s ip addr add 1.1.1.1/8 dev nix
s ip route add 1.0.0.0/8 dev nix
s ip -s -s link show lo
s ip link del d0
s ip -o link
# What has been sent is heard when the last message is.
ip route add blackhole 10.99.99.0/24
until grep -q 10.99.99.0 "$1"; do sleep 0.05; done
kill $MONITOR
