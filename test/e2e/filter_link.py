# Rules of iptables and ip6tables on a link, eth0: what a peer asks for is led to a port of this host's, what it must not ask
# for is refused, and what this host asks for goes elsewhere, and as another. `here` is that host, 10.9.0.2 and fd09::2,
# natively or in a sandbox; `peer` plays 10.9.0.1 and fd09::1.

import errno
import socket
import struct
import subprocess
import sys
import time

FAMILIES = (
    ("iptables-legacy", socket.AF_INET, "10.9.0.2", "10.9.0.1", "10.9.0.99", "10.9.0.1"),
    ("ip6tables-legacy", socket.AF_INET6, "fd09::2", "fd09::1", "fd09::99", "[fd09::1]"),
)


def named(error):
    return errno.errorcode.get(error.errno, str(error)) if error.errno else "timed out"


def listening(family, address, port, kind=socket.SOCK_STREAM):
    server = socket.socket(family, kind)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, port))
    if kind == socket.SOCK_STREAM:
        server.listen()
    server.settimeout(20)
    return server


def here():
    for tool, family, own, peer, nobody, bracket in FAMILIES:
        rules = (
            "-t nat -A PREROUTING -i eth0 -p tcp --dport 80 -j REDIRECT --to-ports 15006",
            f"-t nat -A OUTPUT -d {nobody} -p tcp --dport 80 -j DNAT --to-destination {bracket}:8000",
            "-t nat -A POSTROUTING -o eth0 -p tcp --dport 8000 -j MASQUERADE --to-ports 5000-5003",
            f"-t nat -A OUTPUT -d {nobody} -p udp -j DNAT --to-destination {peer}",
            "-A INPUT -i eth0 -p tcp --dport 8081 -j REJECT --reject-with tcp-reset",
            "-A INPUT -i eth0 -p tcp --dport 8083 -j REJECT",
            "-A INPUT -i eth0 -p tcp -m conntrack --ctstate NEW -m multiport ! --dports 80,15006,8081,8083 -j DROP",
            "-A FORWARD -j DROP",
        )
        server = listening(family, own, 15006)
        for rule in rules:
            subprocess.run(f"{tool} {rule}", shell=True, check=True)
        client, name = server.accept()
        original = client.getsockopt(0 if family == socket.AF_INET else socket.IPPROTO_IPV6, 80, 28)
        port = struct.unpack_from("!H", original, 2)[0]
        address = socket.inet_ntop(family, original[4:8] if family == socket.AF_INET else original[8:24])
        client.sendall(f"from {name[0]} to {address} {port}".encode())
        client.recv(1)
        server.close()
        client.close()
        out = [socket.socket(family) for _ in range(3)]
        for one in out:
            one.settimeout(20)
            one.connect((nobody, 80))
        print(sorted(one.recv(100).decode() for one in out), out[0].getpeername()[:2])
        # Whole datagrams are followed, though they go in fragments.
        asks = socket.socket(family, socket.SOCK_DGRAM)
        asks.settimeout(20)
        asks.connect((nobody, 8001))
        asks.send(b"x" * 5000)
        print(len(asks.recv(9000)))
        for one in out:
            one.close()
        text = subprocess.run(f"{tool}-save -t nat -c", shell=True, capture_output=True, text=True).stdout
        # Of IPv6, what the link says of itself is counted too.
        print("\n".join(line for line in text.splitlines() if " -A " in line))


def peer():
    for _, family, other, own, _, _ in FAMILIES:
        streams = listening(family, own, 8000)
        datagrams = listening(family, own, 8001, socket.SOCK_DGRAM)
        for _ in range(200):
            client = socket.socket(family)
            client.settimeout(1)
            try:
                client.connect((other, 80))
                said = client.recv(100)
                if said:
                    break
            except OSError:
                pass
            time.sleep(0.1)
        print(said.decode())
        # Of IPv6, Linux forgets what comes while the call that connects still has the socket.
        for port in (8081, 8083, 8082) if family == socket.AF_INET else (8081, 8082):
            refused = socket.socket(family)
            refused.settimeout(0.5)
            try:
                refused.connect((other, port))
                print(port, "connected")
            except OSError as error:
                print(port, named(error))
        client.sendall(b"x")
        kept = []
        for _ in range(3):
            one, name = streams.accept()
            one.sendall(f"{name[0]} {5000 <= name[1] <= 5003}".encode())
            kept.append(one)
        said, name = datagrams.recvfrom(9000)
        datagrams.sendto(said, name)
        for one in kept:
            one.recv(1)


here() if sys.argv[1] == "here" else peer()
