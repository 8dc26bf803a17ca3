// Small programs of the network over the loopback interface, of both families: echoes, routes, datagrams, streams, names.
//
// deadline: 900 s

import { test } from "uvu";
import { compareScripts, isFull, isInstalled } from "./compare.ts";

const MS = 180_000;

/** What differs from run to run: times. */
const PING = `
quiet() { sed -E 's/time[= ].*//; s/^rtt.*//; s/^round-trip.*//'; }
ping -c 3 -i 0.2 127.0.0.1 | quiet
ping -6 -c 2 -i 0.2 ::1 | quiet
ping -c 1 -s 60000 127.0.0.1 | quiet
ping -c 1 -t 1 127.9.9.9 | quiet
ping -c 1 -Q 0x10 -p ff 127.0.0.1 | quiet
ping -c 1 -W 1 -I lo 127.0.0.1 | quiet
true
`;

const TRACEROUTE = `
quiet() { sed -E 's/ +[0-9.]+ ms.*//'; }
traceroute -n 127.0.0.1 | quiet
traceroute -6 -n ::1 | quiet
`;

const NETCAT = `
(timeout 2 nc -u -l 127.0.0.1 4701 > got; true) & sleep 0.4
echo datagram | timeout 1 nc -u -w 1 127.0.0.1 4701; wait; cat got
(timeout 5 nc -6 -l ::1 4702 > got; true) & sleep 0.4
echo stream | nc -6 -N ::1 4702; wait; cat got
nc -z -v 127.0.0.1 4703 2>&1
head -c 3000000 /dev/zero | tr '\\0' x > big
(nc -l 127.0.0.1 4704 | md5sum > sum) & sleep 0.4
nc -N 127.0.0.1 4704 < big; wait; cat sum
`;

const SOCAT = `
socat TCP6-LISTEN:4711,fork,reuseaddr,bind='[::1]' EXEC:cat 2> /dev/null & S=$!; sleep 0.4
for i in 1 2 3; do echo "line $i" | socat -t 5 - 'TCP6:[::1]:4711'; done
{ kill $S; wait $S; } 2> /dev/null
socat -u UDP4-RECVFROM:4712,bind=127.0.0.1 CREATE:got & sleep 0.4
echo datagram | socat -u - UDP4-SENDTO:127.0.0.1:4712; wait $!; cat got
`;

const DNS = `
dnsmasq --no-daemon --no-resolv --no-hosts --port=4725 --listen-address=127.0.0.1 --listen-address=::1 --bind-interfaces \
  --address=/test.example/10.1.2.3 --address=/test.example/2001:db8::7 --txt-record=text.example,hello \
  --log-facility=$PWD/log --pid-file= 2> /dev/null & S=$!
for i in $(seq 100); do dig +time=1 +tries=1 -p 4725 @127.0.0.1 test.example > /dev/null && break; sleep 0.05; done
ask() { dig +short +time=2 -p 4725 "$@"; }
ask @127.0.0.1 test.example; ask @127.0.0.1 test.example AAAA; ask @127.0.0.1 +tcp test.example
ask @::1 text.example TXT; ask @127.0.0.1 -x 10.1.2.3 | head -1
dig +time=1 +tries=1 -p 4726 @127.0.0.1 test.example | grep -c 'connection refused'
for i in 1 2 3 4; do (for k in $(seq 20); do ask @127.0.0.1 name$k.test.example; done) > out.$i & jobs="$jobs $!"; done
wait $jobs; cat out.* | sort | uniq -c
kill $S; wait $S; echo ended
`;

const PYTHON = `
cat > program.py <<'END'
import asyncio, socketserver, threading, urllib.request, http.server, selectors, socket
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.path.encode() * 1000
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=web.serve_forever, daemon=True).start()
total = sum(len(urllib.request.urlopen(f"http://127.0.0.1:{web.server_port}/{i}").read()) for i in range(50))
print(total)
async def main():
    async def echo(reader, writer):
        while data := await reader.read(65536):
            writer.write(data); await writer.drain()
        writer.close()
    server = await asyncio.start_server(echo, "::1", 0)
    port = server.sockets[0].getsockname()[1]
    async def client(i):
        reader, writer = await asyncio.open_connection("::1", port)
        data = bytes([i]) * 200000
        async def send():
            writer.write(data); await writer.drain(); writer.write_eof()
        got, _ = await asyncio.gather(reader.read(-1), send())
        writer.close()
        return got == data
    print(sum(await asyncio.gather(*(client(i) for i in range(40)))))
    loop = asyncio.get_running_loop()
    done = loop.create_future(); seen = []
    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, t): self.t = t
        def datagram_received(self, d, a): self.t.sendto(d, a)
    class Client(asyncio.DatagramProtocol):
        def connection_made(self, t):
            for i in range(20): t.sendto(b"%d" % i)
        def datagram_received(self, d, a):
            seen.append(int(d))
            if len(seen) == 20: done.set_result(sorted(seen))
    t, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    await loop.create_datagram_endpoint(Client, remote_addr=t.get_extra_info("sockname"))
    print(await asyncio.wait_for(done, 10))
asyncio.run(main())
END
python3 program.py
`;

interface Program {
  readonly what: string;
  readonly probes: readonly (readonly [probe: string, packageName: string])[];
  readonly script: string;
  readonly full?: boolean;
}

const PROGRAMS: readonly Program[] = [
  { what: "ping", probes: [["ping", "iputils-ping"]], script: PING },
  { what: "traceroute", probes: [["traceroute", "traceroute"]], script: TRACEROUTE },
  { what: "nc: datagrams and streams", probes: [["nc", "netcat-openbsd"]], script: NETCAT },
  { what: "socat", probes: [["socat", "socat"]], script: SOCAT, full: true },
  {
    what: "dig asks dnsmasq",
    probes: [
      ["dig", "bind9-dnsutils"],
      ["dnsmasq", "dnsmasq-base"],
    ],
    script: DNS,
  },
  { what: "Python: threads, asyncio, datagrams", probes: [["python3", "python3"]], script: PYTHON },
];

for (const { what, probes, script, full } of PROGRAMS)
  if ((isFull || full !== true) && probes.every(([probe, name]) => isInstalled(probe, name)))
    test(what, () =>
      compareScripts(
        `D=$(mktemp -d); cd $D
${script}`,
        MS,
      ),
    );

test.run();
