# What rules of iptables and ip6tables do to traffic over loopback: scenes, each of which prints what it saw. It runs natively
# in a network namespace of its own and in a sandbox; what it prints is to be the same.

import errno
import os
import re
import socket
import struct
import subprocess
import sys

# By whom rules are set: iptables itself, or nf_tables.
KIND = sys.argv[1]
V4, V6 = f"iptables-{KIND}", f"ip6tables-{KIND}"
SO_ORIGINAL_DST = 80
SO_MARK = 36
TIMEOUT = 0.4


def run(command):
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    out = (done.stdout + done.stderr).strip()
    if done.returncode != 0 or out:
        print(f"$ {command}: {done.returncode} {out}")


def rules(tool, *lines):
    for line in lines:
        run(f"{tool} {line}")


def saved(tool, counters=True):
    options = "-c" if counters else ""
    text = subprocess.run(f"{tool}-save {options}", shell=True, capture_output=True, text=True).stdout
    for line in text.splitlines():
        if not line.startswith("#"):
            print(f"  {line}")


def clear():
    for tool in (V4, V6):
        for table in ("filter", "nat", "mangle", "raw"):
            subprocess.run(f"{tool} -t {table} -F; {tool} -t {table} -X", shell=True)
        for chain in ("INPUT", "OUTPUT", "FORWARD"):
            subprocess.run(f"{tool} -P {chain} ACCEPT", shell=True)
        for table in ("filter", "nat", "mangle", "raw"):
            subprocess.run(f"{tool} -t {table} -Z", shell=True)


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def named(error):
    return errno.errorcode.get(error.errno, str(error)) if error.errno else "timed out"


def listen(address, port):
    server = socket.socket(family(address))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, port))
    server.listen()
    server.settimeout(TIMEOUT)
    return server


def original(peer):
    is6 = peer.family == socket.AF_INET6
    try:
        name = peer.getsockopt(socket.IPPROTO_IPV6 if is6 else 0, SO_ORIGINAL_DST, 28 if is6 else 16)
    except OSError as error:
        return named(error)
    port = struct.unpack_from("!H", name, 2)[0]
    address = socket.inet_ntop(peer.family, name[8:24] if is6 else name[4:8])
    return f"{address} {port}"


def connect(address, port, server=None, mark=0):
    """A connection there and something said both ways: what comes of it."""
    client = socket.socket(family(address))
    client.settimeout(TIMEOUT)
    if mark:
        client.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
    try:
        client.connect((address, port))
    except OSError as error:
        print(f"connect {address} {port}: {named(error)}")
        client.close()
        return
    if server is None:
        print(f"connect {address} {port}: connected")
        client.close()
        return
    try:
        peer, name = server.accept()
    except OSError as error:
        print(f"connect {address} {port}: not accepted, {named(error)}")
        return
    client.sendall(b"hello")
    said = peer.recv(100)
    peer.sendall(said + b" back")
    answer = client.recv(100)
    where = client.getpeername()[:2]
    print(f"connect {address} {port}: {answer.decode()}, peer {where}, original {original(peer)}, from {name[0]}")
    client.shutdown(socket.SHUT_WR)
    peer.recv(1)
    peer.close()
    client.recv(1)
    client.close()


def datagram(address, port, server=None, source=None):
    client = socket.socket(family(address), socket.SOCK_DGRAM)
    client.settimeout(TIMEOUT)
    if source:
        client.bind(source)
    try:
        client.connect((address, port))
        client.send(b"hello")
        if server is None:
            client.recv(100)
            return
        said, name = server.recvfrom(100)
        server.sendto(said + b" back", name)
        print(f"datagram {address} {port}: {client.recv(100).decode()}, from {name[0]}")
    except OSError as error:
        print(f"datagram {address} {port}: {named(error)}")
    finally:
        client.close()


def echo(address):
    done = subprocess.run(f"ping -n -c 2 -i 0.2 -W 1 {address}", shell=True, capture_output=True, text=True)
    print("\n".join(re.sub(r"time.*", "", line) for line in done.stdout.splitlines() if "bytes from" in line))


def as_user(uid, gid, act):
    """Does something as somebody else."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.setgid(gid)
        os.setuid(uid)
        act()
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)


def scene(name):
    clear()
    print(f"== {name}")


def flows():
    with open("/proc/net/nf_conntrack") as file:
        lines = [re.sub(r"((?:sport|dport)=)([3-6]\d{4}|7[01]\d\d)|(id=)\d+", r"\1\3PORT", line) for line in file]
    lines = [re.sub(r"^(\S+ +\d+ \S+ +\d+) \d+", r"\1 TIME", line) for line in lines]
    for line in sorted(lines):
        print(f"  {line.strip()}")


def refusals(tool, address):
    server = listen(address, 8000)
    other = listen(address, 8001)
    with_reset = "tcp-reset"
    scene(f"{tool}: what is refused and dropped in INPUT")
    rules(
        tool,
        f"-A INPUT -p tcp --dport 8000 -j REJECT --reject-with {with_reset}",
        "-A INPUT -p tcp --dport 8002 -j DROP",
        "-A INPUT -p udp --dport 8003 -j REJECT",
        "-A INPUT -p tcp --dport 8004 -j REJECT",
        "-A INPUT -p tcp -m multiport --dports 8005,8006:8007 -m comment --comment 'some words' -j DROP",
    )
    connect(address, 8000)
    connect(address, 8001, other)
    connect(address, 8002)
    datagram(address, 8003)
    # Of IPv6, Linux forgets what comes while the call that connects still has the socket.
    if tool == V4:
        connect(address, 8004)
    connect(address, 8006)
    saved(tool)
    scene(f"{tool}: the same in OUTPUT")
    rules(
        tool,
        f"-A OUTPUT -p tcp --dport 8000 -j REJECT --reject-with {with_reset}",
        "-A OUTPUT -p tcp --dport 8002 -j DROP",
        "-A OUTPUT -p udp --dport 8003 -j REJECT",
        "-A OUTPUT -p udp --dport 8005 -j DROP",
        "-A OUTPUT -p tcp --dport 8004 -j REJECT",
    )
    connect(address, 8000)
    connect(address, 8001, other)
    connect(address, 8002)
    datagram(address, 8003)
    # Of IPv6, Linux forgets what comes while the call that connects still has the socket.
    if tool == V4:
        connect(address, 8004)
    datagram(address, 8005)
    saved(tool)
    server.close()
    other.close()


def states(tool, address):
    server = listen(address, 8001)
    scene(f"{tool}: states, chains and policies")
    rules(
        tool,
        "-N web",
        "-N inner",
        "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A INPUT -m state --state INVALID -j DROP",
        "-A INPUT -p tcp -g web",
        "-A INPUT -p udp -j RETURN",
        "-A web -p tcp --syn --dport 8001 -j inner",
        "-A web -j DROP",
        "-A inner ! -i eth+ -j RETURN",
        "-A inner -j DROP",
        "-I web 2 -p tcp --dport 8001 -m conntrack --ctstate NEW -j ACCEPT",
        "-P FORWARD DROP",
    )
    connect(address, 8001, server)
    connect(address, 8002)
    datagram(address, 8003)
    echo(address)
    saved(tool)
    flows()
    server.close()


def redirects(tool, address):
    other = "::1" if tool == V6 else "127.5.6.7"
    outside = "fd77::1" if tool == V6 else "10.77.0.1"
    catcher = listen("::1" if tool == V6 else "127.0.0.1", 15001)
    beside = listen(address, 8001)
    scene(f"{tool}: a sidecar's rules")
    rules(
        tool,
        "-t nat -N PROXY_OUTPUT",
        "-t nat -N PROXY_REDIRECT",
        "-t nat -A PROXY_REDIRECT -p tcp -j REDIRECT --to-ports 15001",
        "-t nat -A OUTPUT -p tcp -j PROXY_OUTPUT",
        "-t nat -A PROXY_OUTPUT -m owner --uid-owner 1337 -j RETURN",
        "-t nat -A PROXY_OUTPUT -m owner --gid-owner 1338 -j RETURN",
        "-t nat -A PROXY_OUTPUT -m mark --mark 0x539/0xfff -j RETURN",
        f"-t nat -A PROXY_OUTPUT -d {address} -p tcp --dport 8001 -j RETURN",
        "-t nat -A PROXY_OUTPUT -j PROXY_REDIRECT",
    )
    connect(other, 80, catcher)
    connect(outside, 443, catcher)
    connect(address, 8001, beside)
    connect(address, 8002, None, 0x539)
    as_user(1337, 5, lambda: connect(address, 81))
    as_user(5, 1338, lambda: connect(address, 82))
    as_user(5, 5, lambda: connect(address, 83, catcher))
    saved(tool)
    flows()
    catcher.close()
    beside.close()


def translations(tool, address):
    is6 = tool == V6
    server = socket.socket(family(address), socket.SOCK_DGRAM)
    server.bind((address, 5353))
    server.settimeout(TIMEOUT)
    stream = listen(address, 8080)
    scene(f"{tool}: DNAT, SNAT and MASQUERADE")
    bracket = f"[{address}]" if is6 else address
    away = "fd77::9" if is6 else "10.77.0.9"
    snat = "" if is6 else "-t nat -A POSTROUTING -p udp --dport 5353 -j SNAT --to-source 127.0.0.9:7000-7100"
    rules(
        tool,
        f"-t nat -A OUTPUT -p udp --dport 53 -j DNAT --to-destination {bracket}:5353",
        f"-t nat -A OUTPUT -d {away} -p tcp --dport 80 -j DNAT --to-destination {bracket}:8080",
        "-t nat -A POSTROUTING -p tcp -j MASQUERADE",
        f"-t nat -A OUTPUT -d {away} -p {'icmpv6' if is6 else 'icmp'} -j DNAT --to-destination {address}",
        *([snat] if snat else []),
    )
    datagram(address, 53, server)
    datagram(away, 53, server)
    connect(away, 80, stream)
    connect(address, 8080, stream)
    echo(away)
    # What nobody takes is told by the name that was asked for.
    server.close()
    datagram(address, 53)
    saved(tool)
    flows()
    stream.close()


def marks(tool, address):
    server = listen(address, 8001)
    scene(f"{tool}: marks of packets and of flows, and no tracking")
    rules(
        tool,
        "-t mangle -A OUTPUT -p tcp --dport 8001 -j MARK --set-mark 7",
        "-t mangle -A OUTPUT -m mark --mark 7 -j CONNMARK --save-mark",
        "-t mangle -A INPUT -m connmark --mark 7 -j MARK --set-xmark 0x10/0x0",
        "-t mangle -A INPUT -m mark --mark 23 -j ACCEPT",
        "-t raw -A OUTPUT -p udp -j CT --notrack",
        "-A INPUT -m conntrack --ctstate UNTRACKED -j ACCEPT",
        "-A OUTPUT -m addrtype --dst-type LOCAL -p udp -j ACCEPT",
    )
    connect(address, 8001, server)
    datagram(address, 8002)
    saved(tool)
    flows()
    server.close()


def limits(tool, address):
    scene(f"{tool}: rates, lengths and chance")
    rules(
        tool,
        "-A INPUT -p udp -m limit --limit 1/hour --limit-burst 3 -j ACCEPT",
        "-A INPUT -p udp -m length --length 0:40 -j DROP",
        "-A INPUT -p udp -m statistic --mode nth --every 2 --packet 0 -j DROP",
        "-A INPUT -p udp -m pkttype --pkt-type unicast -j LOG --log-prefix 'seen '",
    )
    client = socket.socket(family(address), socket.SOCK_DGRAM)
    for i in range(10):
        client.sendto(b"x" * (4 if i % 3 == 0 else 40), (address, 8003))
    saved(tool)


def restored():
    scene("iptables-restore, and what Docker sets")
    text = """*filter
:INPUT ACCEPT [5:6]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [7:8]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
[1:2] -A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
COMMIT
"""
    done = subprocess.run(f"{V4}-restore -c", shell=True, input=text.replace("\n-A", "\n[0:0] -A"), text=True,
                          capture_output=True)
    print(done.returncode, done.stdout, done.stderr)
    saved(V4)
    run(f"{V4} -C FORWARD -o docker0 -j DOCKER")
    run(f"{V4} -C FORWARD -o docker1 -j DOCKER")
    run(f"{V4} -L DOCKER -n -v -x")
    run(f"{V4} -t nat -Z DOCKER")
    run(f"{V4} -D FORWARD 3")
    run(f"{V4} -X DOCKER")
    run(f"{V4} -P FORWARD ACCEPT")
    run(f"{V4} -E DOCKER-USER USERS")
    saved(V4)


def errors():
    scene("what is refused")
    for line in (
        "-A INPUT -j nothere",
        "-A OUTPUT -t nat -j REJECT",
        "-A INPUT -m owner --uid-owner 5 -j DROP",
        "-t nat -A POSTROUTING -p tcp -j REDIRECT --to-ports 80",
        "-t nothere -L",
        "-t nat -P INPUT DROP",
        "-t filter -A PREROUTING -j DROP",
        "-A INPUT -m limit --limit 1/day --limit-burst 10000 -j DROP",
        "-t filter -A INPUT -j MASQUERADE",
        "-A INPUT -p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15 -j DROP",
    ):
        run(f"{V4} {line}")
    run(f"{V4} -N a; {V4} -N b; {V4} -A a -j b; {V4} -A b -j a")
    run(f"{V4} -A INPUT -j a")
    as_user(5, 5, lambda: run(f"{V4} -L -w"))
    saved(V4)


def main():
    subprocess.run("ip link set lo up; ip addr add 10.77.0.1/32 dev lo; ip addr add 10.77.0.9/32 dev lo; ip addr add fd77::1/128 dev lo nodad; ip addr add fd77::9/128 dev lo nodad", shell=True)
    for tool, address in ((V4, "127.0.0.1"), (V6, "::1")):
        refusals(tool, address)
        states(tool, address)
        redirects(tool, address)
        translations(tool, address)
        marks(tool, address)
        limits(tool, address)
    restored()
    errors()
    clear()


if __name__ == "__main__":
    main()
