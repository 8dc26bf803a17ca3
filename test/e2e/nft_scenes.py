# What rules of nft do to traffic over loopback, and what nft says: scenes as those of filter_scenes.py, which prints what
# it saw. It runs natively in a network namespace of its own and in a sandbox; what it prints is to be the same.

import os
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
sys.argv[1:] = ["nft"]

from filter_scenes import as_user, connect, datagram, echo, flows, listen, run  # noqa: E402

A4, A6 = "127.0.0.1", "::1"


def load(text):
    done = subprocess.run(["nft", "-f", "-"], input=text, capture_output=True, text=True)
    print(f"nft -f: {done.returncode} {done.stdout}{done.stderr}")


def listed(options=""):
    print(subprocess.run(f"nft {options} list ruleset", shell=True, capture_output=True, text=True).stdout)


def scene(name):
    subprocess.run("nft flush ruleset", shell=True)
    print(f"== {name}")


def verdicts():
    scene("sets, maps, intervals and policies, in a table of both families")
    server4, server6 = listen(A4, 8001), listen(A6, 8001)
    load("""
table inet t {
    set blocked { type inet_service; flags interval; elements = { 8100-8199, 8300 } }
    set friends { type ipv4_addr; flags interval; elements = { 127.0.0.0/30 } }
    set pairs { type ipv4_addr . inet_service; elements = { 127.0.0.1 . 8400, 127.0.0.2 . 8401 } }
    set ranges { type ipv4_addr . inet_service; flags interval; elements = { 127.0.0.0/24 . 8500-8510 } }
    map ports { type inet_service : verdict; elements = { 8001 : accept, 8002 : drop, 8003 : jump refuse } }
    map marks { type inet_service : mark; elements = { 8004 : 7, 8005 : 8 } }
    chain refuse {
        meta l4proto tcp counter reject with tcp reset
        counter reject with icmpx admin-prohibited
    }
    chain input {
        type filter hook input priority filter; policy drop;
        ct state vmap { established : accept, related : accept, invalid : drop }
        ip daddr . tcp dport @pairs counter reject with tcp reset
        ip daddr . tcp dport @ranges counter reject with tcp reset
        tcp dport @blocked counter reject with tcp reset
        tcp dport vmap @ports
        udp dport { 8003, 8010-8012 } counter goto refuse
        ip saddr @friends icmp type { echo-request } counter accept
        icmpv6 type { echo-request, nd-neighbor-solicit } counter accept
        meta mark set tcp dport map @marks
        meta mark 7 meta nfproto ipv4 counter reject
        meta mark != 0 counter reject with tcp reset
        tcp dport 8020-8030 tcp dport != 8025 counter reject with tcp reset
        tcp flags & (syn | ack) == syn tcp dport 8025 counter reject with tcp reset
        iifname "lo" th dport 8040 limit rate 1/hour burst 2 packets counter reject with tcp reset
        iif lo oif 0 meta length < 100 tcp dport 8041 counter reject with tcp reset
        fib daddr type local tcp dport 8042 counter reject with tcp reset
        tcp dport 8043 quota over 50 bytes counter reject with tcp reset
        tcp dport 8044 numgen inc mod 2 1 counter reject with tcp reset
        tcp dport 8045 ip ttl 64 ip dscp cs0 counter reject with tcp reset
        tcp dport 8045 ip6 hoplimit 64 counter reject with tcp reset
        tcp dport 8046 ct direction original ct state new ct original proto-dst 8046 counter reject with tcp reset
        tcp dport 8047 @th,0,16 > 1023 meta pkttype unicast counter reject with tcp reset
    }
}
""")
    for address, server in ((A4, server4), (A6, server6)):
        connect(address, 8001, server)
        for port in (8002, 8003, 8004, 8005, 8020, 8025, 8100, 8199, 8200, 8300, 8400, 8505, 8511):
            connect(address, port)
        for port in (8040, 8040, 8040, 8041, 8042, 8043, 8044, 8044, 8045, 8046, 8047):
            connect(address, port)
        for port in (8003, 8011):
            datagram(address, port)
        echo(address)
    listed("-a")
    run("nft add element inet t blocked '{ 8001 }'")
    connect(A4, 8001, server4)
    run("nft delete element inet t ports '{ 8002 }'")
    run("nft add rule inet t input tcp dport 8002 reject with tcp reset")
    connect(A4, 8002)
    server4.close()
    server6.close()


def output():
    scene("who sends, and what is refused in OUTPUT")
    load("""
table ip t {
    chain output {
        type filter hook output priority 10; policy accept;
        meta skuid 1337 tcp dport 8001 counter reject with icmp host-prohibited
        meta skgid { 1338, 1400-1500 } counter drop
        udp dport 8002 counter drop
        udp dport 8003 counter reject
        oif lo tcp dport 8004 log prefix "seen " level info counter reject with tcp reset
    }
    chain early {
        type filter hook output priority -10;
        udp dport 8002 counter
    }
}
""")
    as_user(1337, 5, lambda: connect(A4, 8001))
    as_user(5, 1338, lambda: connect(A4, 8001))
    as_user(5, 1450, lambda: datagram(A4, 8009))
    connect(A4, 8001)
    datagram(A4, 8002)
    datagram(A4, 8003)
    connect(A4, 8004)
    listed()


def translations():
    catcher4, catcher6 = listen(A4, 15001), listen(A6, 15001)
    scene("translation")
    load("""
table inet n {
    map to { type inet_service : ipv4_addr . inet_service; elements = { 8001 : 127.0.0.1 . 15001 } }
    chain output {
        type nat hook output priority -100;
        ip daddr 127.5.6.7 tcp dport 80 counter redirect to :15001
        ip6 daddr fd77::1 tcp dport 80 counter redirect to :15001
        ip daddr 10.77.0.9 tcp dport 81 counter dnat ip to 127.0.0.1:15001
        ip6 daddr fd77::9 tcp dport 81 counter dnat ip6 to [::1]:15001
        ip daddr 10.77.0.9 counter dnat ip addr . port to tcp dport map @to
    }
    chain postrouting {
        type nat hook postrouting priority srcnat;
        ip daddr 127.0.0.1 tcp dport 15001 ct status dnat counter snat ip to 127.0.0.8-127.0.0.8
        ip6 daddr ::1 counter masquerade
    }
}
table ip m {
    chain route {
        type route hook output priority mangle;
        tcp dport 80 meta mark set 5 ct mark set meta mark counter
    }
    chain raw {
        type filter hook output priority raw;
        udp dport 8009 counter notrack
    }
    chain untracked {
        type filter hook input priority 5;
        ct state untracked counter
        ct mark 5 counter
    }
}
""")
    connect("127.5.6.7", 80, catcher4)
    connect("fd77::1", 80, catcher6)
    connect("10.77.0.9", 81, catcher4)
    connect("fd77::9", 81, catcher6)
    connect("10.77.0.9", 8001, catcher4)
    datagram(A4, 8009)
    listed()
    flows()
    catcher4.close()
    catcher6.close()


def both():
    scene("beside rules of iptables")
    server = listen(A4, 8001)
    load("table ip f { chain i { type filter hook input priority 0; tcp dport 8002 reject with tcp reset; }; }")
    run("iptables-nft -A INPUT -p tcp --dport 8003 -j REJECT --reject-with tcp-reset")
    run("iptables-legacy -A INPUT -p tcp --dport 8004 -j REJECT --reject-with tcp-reset")
    run("iptables-legacy -A INPUT -p tcp --dport 8001 -j ACCEPT")
    connect(A4, 8001, server)
    for port in (8002, 8003, 8004):
        connect(A4, port)
    run("iptables-nft -S; iptables-legacy -S")
    run("iptables-legacy -F")
    server.close()


COMMANDS = """
nft add table inet t; nft add chain inet t u; nft add chain inet t c '{ type filter hook input priority 0; }'
nft create table inet t
nft add set inet t s '{ type ipv4_addr; flags interval; }'
nft add element inet t s '{ 9.9.9.9, 20.0.0.0-20.0.0.5 }'
nft add set inet t e '{ type inet_service; size 3; }'; nft add element inet t e '{ 5, 6, 7 }'
nft add element inet t e '{ 8 }'
nft create element inet t e '{ 5 }'
nft delete element inet t e '{ 9 }'
nft get element inet t s '{ 20.0.0.3 }'
nft get element inet t s '{ 20.0.0.6 }'
nft add rule inet t c ip saddr @s jump u
nft insert rule inet t c counter
nft -a list ruleset
nft delete set inet t s
nft delete chain inet t u
nft delete rule inet t c handle 999
nft replace rule inet t c handle 6 tcp dport 6 drop
nft add rule inet t nope accept
nft add rule inet x c accept
nft add chain inet t c2 '{ type nat hook forward priority 0; }'
nft add chain inet t c2 '{ type nat hook postrouting priority -300; }'
nft add chain inet t c2 '{ type filter hook forward priority 5; policy drop; }'
nft add chain inet t c2 '{ policy accept; }'
nft rename chain inet t u uu; nft rename chain inet t uu c
nft add rule inet t uu masquerade
nft add rule inet t uu jump uu
nft 'add chain inet t a1; add chain inet t a2; add rule inet t a1 jump a2; add rule inet t a2 jump a1'
nft add rule inet t c2 jump a1
nft add rule inet t a1 tcp dport vmap '{ 1 : jump a2, 2 : drop }'; nft add rule inet t c2 goto a1
nft add rule inet t c2 limit rate 0/second
nft add rule inet t c jump nowhere
nft add rule inet t c drop; nft add rule inet t c2 ct state new log prefix '"x"' accept comment '"words"'
nft 'add table ip one; add chain ip one x; add rule ip one y drop'; nft list tables
nft delete table ip one
nft destroy table ip one; nft destroy chain inet t never
nft -c add rule inet t c drop; nft reset rules table ip none
nft list chains; nft list sets; nft list chain inet t c; nft list set inet t s; nft list ruleset
nft -j list ruleset
nft flush chain inet t c; nft flush set inet t e; nft list table inet t
nft add table inet t '{ flags dormant; }'; nft list table inet t
nft delete table inet t; nft list ruleset
"""


# A chain, and rules that are told as they were given.
RULES = """
i iif lo accept
i meta iifgroup 0
i meta cpu 0-1
i meta random & 1 == 1
i meta protocol ip6
i meta ibrname "x"
i meta pkttype { host, broadcast }
i ip version 4
i ip frag-off & 0x1fff != 0
i ip protocol { tcp, udp, icmp }
i ip saddr != { 1.2.3.4, 5.6.7.8/30 }
i ip saddr 1.2.3.4-1.2.3.9
i ip6 flowlabel 5
i ip6 nexthdr ipv6-icmp
i ip6 saddr ::/3
i tcp window 5-10
i udp length 8
i icmp type echo-reply icmp code 3
i icmpv6 mtu 5
i sctp dport 5
i ah spi 5
i ct state new,established
i ct mark & 0xff == 3
i ct mark set ct mark or 0x1
i ct expiration > 10s
i ct zone 1
i ct original ip saddr 1.2.3.4
i ct reply ip6 saddr fe80::1
i ct reply proto-src 80
i ct protocol tcp
i ct l3proto ipv4
i meta mark set meta mark << 4
i meta mark set meta mark & 0xff | 0x100
i meta mark set numgen random mod 3
i meta mark set numgen inc mod 3 offset 100
i meta mark set tcp dport map { 1 : 5, 2-4 : 9 }
i meta nftrace set 1
i fib saddr type unicast
i log level debug flags all prefix "x"
i log flags tcp sequence
i limit rate 1/minute burst 7 packets
i limit rate over 1 mbytes/second
i quota until 5 mbytes used 3 bytes
i counter packets 5 bytes 7
i reject with icmp net-unreachable
i reject with icmpv6 no-route
i reject with icmpx host-unreachable
i meta l4proto { tcp, udp } th dport 53
i iifname { "lo", "eth*" } accept
i iifname "eth*" accept
i iifname . tcp dport { "lo" . 80, "eth0" . 443 }
i ip saddr . ip daddr vmap { 1.2.3.4 . 5.6.7.8 : accept, 1.2.3.5 . 5.6.7.8 : jump u }
i tcp dport vmap { 0-1023 : drop, 1024-2047 : goto u }
i ip saddr . tcp dport { 1.0.0.0/8 . 80-90, 2.0.0.0/8 . 443 } accept
i ip6 saddr . tcp dport { fe80::/10 . 80 } accept
i tcp flags { syn, ack, syn | ack }
i @nh,0,8 0x45
i @th,16,16 { 22, 80 }
i masquerade
i redirect to :5
n dnat ip to 1.2.3.4
n tcp dport 80 redirect to :8080-8090
n dnat ip to numgen inc mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }
n reject
o meta skuid root
o meta skuid { 0, 1000-2000 }
o notrack
o continue
o return
"""


def rules():
    scene("rules of each kind")
    load("""
table inet t {
    chain u { }
    chain i { type filter hook input priority 0; }
    chain o { type filter hook output priority 0; }
    chain n { type nat hook prerouting priority 0; }
}
""")
    for line in RULES.strip().splitlines():
        run(f"nft add rule inet t '{line}'")
    for line in (
        'set c { type ipv4_addr; comment "words"; elements = { 1.2.3.4 comment "one", 5.5.5.5 } }',
        "set m { type ipv4_addr; flags interval; auto-merge; elements = { 1.2.3.4, 1.2.3.5, 1.2.3.6-1.2.3.9 } }",
        "map v { typeof ip saddr : meta mark; elements = { 1.2.3.4 : 5 } }",
        "map w { type inet_service : verdict; flags interval; elements = { 1-5 : accept, 9 : drop } }",
    ):
        load(f"table inet t {{ {line}; }}")
    listed("-a")
    listed("-j")


def commands():
    scene("what nft says")
    for line in COMMANDS.strip().splitlines():
        print(f"$ {line}")
        done = subprocess.run(line, shell=True, capture_output=True, text=True)
        print(done.returncode, done.stdout, done.stderr)
    run("nft add table ip t; nft add rule ip t c accept")
    as_user(5, 5, lambda: run("nft list ruleset"))


def main():
    subprocess.run("ip link set lo up; ip addr add 10.77.0.1/32 dev lo; ip addr add 10.77.0.9/32 dev lo; ip addr add fd77::1/128 dev lo nodad; ip addr add fd77::9/128 dev lo nodad", shell=True)
    verdicts()
    output()
    translations()
    both()
    rules()
    commands()


main()
