// deadline: 900 s
// Programs that talk over TCP and UDP on loopback, as on the host: web servers and clients, databases, name servers, file
// transfer, load generators.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { compareScripts, isInstalled, sandboxed } from "./compare.ts";

const MS = 120_000;

/** Waits until somebody listens there. */
const UP = `
up() { for i in $(seq 400); do (exec 3<> /dev/tcp/$1/$2) 2> /dev/null && return; sleep 0.05; done; echo "nobody at $1 $2"; exit 1; }
`;

const NGINX = `
set -e
${UP}
D=$(mktemp -d); cd $D
mkdir www; echo hello > www/index.html; head -c 5000000 /dev/zero | tr '\\0' x > www/big
openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 2 -subj /CN=localhost 2> /dev/null
cat > conf <<END
worker_processes 2; pid $D/pid; error_log $D/error.log;
events { worker_connections 256; }
http {
  access_log off; sendfile on; gzip on; gzip_types *;
  client_body_temp_path $D/a; proxy_temp_path $D/b; fastcgi_temp_path $D/c; uwsgi_temp_path $D/d; scgi_temp_path $D/e;
  server { listen 127.0.0.1:8001; location / { return 200 "back \\$request_method \\$request_uri\\n"; } }
  server {
    listen 127.0.0.1:8000; listen [::1]:8000; listen 127.0.0.1:8443 ssl; ssl_certificate $D/cert; ssl_certificate_key $D/key;
    root $D/www; client_max_body_size 20m;
    location /back/ { proxy_pass http://127.0.0.1:8001/; }
  }
}
END
nginx -c $D/conf -p $D
up 127.0.0.1 8000
for u in http://127.0.0.1:8000 http://[::1]:8000 https://127.0.0.1:8443; do
  curl -sk $u/ -o out -w '%{http_code} %{size_download} %{num_connects} %{remote_port}\\n'; cat out
  curl -sk --compressed $u/big | md5sum
  wget -q --no-check-certificate -O - $u/big | md5sum
  curl -sk $u/nosuch -o /dev/null -w '%{http_code}\\n'
done
curl -sk -r 1000-1999 http://127.0.0.1:8000/big | wc -c
curl -s --data-binary @www/big http://127.0.0.1:8000/back/upload
curl -s http://127.0.0.1:8000/ http://127.0.0.1:8000/ http://127.0.0.1:8000/nosuch -o /dev/null -w '%{http_code} %{num_connects}\\n'
curl -s http://127.0.0.1:8009/ || echo "refused: $?"
for i in $(seq 8); do curl -s http://127.0.0.1:8000/big | md5sum & done; wait
ab -q -k -n 2000 -c 20 http://127.0.0.1:8000/ | grep -E '^(Complete|Failed|Keep-Alive) requests'
ab -q -n 500 -c 20 http://127.0.0.1:8000/ | grep -E '^(Complete|Failed) requests'
kill -QUIT $(cat pid)
for i in $(seq 100); do test -e pid || break; sleep 0.05; done
test -e pid || echo ended
`;

const REDIS = `
set -e
${UP}
D=$(mktemp -d); cd $D
redis-server --port 7001 --bind 127.0.0.1 ::1 --dir $D --save "" > log &
up 127.0.0.1 7001
redis-cli -p 7001 set a 1; redis-cli -h ::1 -p 7001 incr a
for i in $(seq 1000); do echo "set key:$i value:$i"; done | redis-cli -p 7001 | sort | uniq -c
head -c 3000000 /dev/zero | tr '\\0' y | redis-cli -p 7001 -x set large; redis-cli -p 7001 strlen large
redis-cli -p 7001 get large | md5sum
redis-benchmark -p 7001 -q -n 3000 -c 30 -t set,get,lrange_100 > bench; grep -c 'requests per second' bench
redis-benchmark -p 7001 -q -n 3000 -c 10 -P 16 -t set,get > bench; grep -c 'requests per second' bench
(timeout 20 redis-cli -p 7001 subscribe news | head -n 6) > heard & S=$!
for i in $(seq 100); do [ "$(redis-cli -p 7001 publish news now)" = 1 ] && break; sleep 0.05; done
while [ "$(redis-cli -p 7001 publish news more)" = 1 ]; do sleep 0.05; done
wait $S; cat heard
redis-cli -p 7001 client list | grep -o ' addr=[^ ]*:' | sort | uniq -c
redis-cli -p 7001 shutdown nosave > /dev/null 2>&1 || true
wait; echo ended
`;

const POSTGRES = `
set -e
${UP}
D=$(mktemp -d); cd $D; B=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
$B/initdb -D data -A trust -U me > log
$B/postgres -D data -p 7002 -c listen_addresses=127.0.0.1,::1 -c unix_socket_directories= > log 2>&1 &
up 127.0.0.1 7002
ask() { psql -h 127.0.0.1 -p 7002 -U me -d postgres -At "$@"; }
ask -c "create table t (id int primary key, v text)" -c "insert into t select i, repeat('x', i % 100) from generate_series(1, 20000) i"
ask -c "select sum(length(v)) from t"
ask -c "copy t to stdout" | md5sum
psql -h ::1 -p 7002 -U me -d postgres -At -c "select host(inet_client_addr())"
pgbench -h 127.0.0.1 -p 7002 -U me -i -q postgres > log 2>&1
pgbench -h 127.0.0.1 -p 7002 -U me -c 4 -j 2 -t 100 postgres 2> log | grep -E 'actually|failed'
kill -INT %1; wait || true; echo ended
`;

const PYTHON = `
set -e
D=$(mktemp -d); cd $D; echo content > file
openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2> /dev/null
cat > all.py <<'END'
import asyncio, http.server, socket, ssl, socketserver, threading, urllib.request, xmlrpc.client, xmlrpc.server
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *rest): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = "http://127.0.0.1:%d" % server.server_port
print(urllib.request.urlopen(base + "/file").read())
try: urllib.request.urlopen(base + "/nosuch")
except Exception as e: print(e)
server.shutdown()
rpc = xmlrpc.server.SimpleXMLRPCServer(("localhost", 0), logRequests=False)
rpc.register_function(pow)
threading.Thread(target=rpc.serve_forever, daemon=True).start()
print(xmlrpc.client.ServerProxy("http://localhost:%d" % rpc.server_address[1]).pow(2, 10))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); context.load_cert_chain("cert", "key")
trust = ssl.create_default_context(cafile="cert")
async def answer(reader, writer):
    while line := await reader.readline(): writer.write(line.upper()); await writer.drain()
    writer.close()
async def asynchronous():
    for secure in (None, context):
        s = await asyncio.start_server(answer, "localhost", 0, ssl=secure, family=socket.AF_INET)
        port = s.sockets[0].getsockname()[1]
        async def client(i):
            r, w = await asyncio.open_connection("localhost", port, ssl=trust if secure else None)
            out = b""
            for k in range(20):
                w.write(b"line %d of %d\\n" % (k, i)); await w.drain(); out += await r.readline()
            w.close(); return len(out)
        print(sum(await asyncio.gather(*[client(i) for i in range(40)])))
        s.close()
    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, t): self.t = t
        def datagram_received(self, data, to): self.t.sendto(data[::-1], to)
    loop = asyncio.get_running_loop()
    t, _ = await loop.create_datagram_endpoint(Echo, ("127.0.0.1", 0))
    got = loop.create_future()
    class Ask(asyncio.DatagramProtocol):
        def connection_made(self, t): t.sendto(b"abc")
        def datagram_received(self, data, to): got.set_result(data)
    await loop.create_datagram_endpoint(Ask, remote_addr=t.get_extra_info("sockname"))
    print(await got)
    try: await asyncio.open_connection("127.0.0.1", 1)
    except OSError as e: print(type(e).__name__, e.errno)
asyncio.run(asynchronous())
print(socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True).getsockname()[0])
END
python3 all.py
`;

const NODE = `
set -e
D=$(mktemp -d); cd $D
cat > all.mjs <<'END'
import http from "node:http"; import net from "node:net"; import dgram from "node:dgram"; import { once } from "node:events";
const server = http.createServer((q, r) => { let n = 0; q.on("data", (d) => (n += d.length)); q.on("end", () => r.end(q.method + " " + q.url + " " + n)); });
server.listen(0, "127.0.0.1"); await once(server, "listening");
const { port } = server.address();
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
const ask = (path, body) => new Promise((ok, no) => {
  const q = http.request({ port, host: "127.0.0.1", path, agent, method: body ? "POST" : "GET" }, (r) => { let t = ""; r.on("data", (d) => (t += d)); r.on("end", () => ok(t)); });
  q.on("error", no); q.end(body);
});
console.log(await ask("/a"), await ask("/b", "x".repeat(1e6)));
console.log((await Promise.all(Array.from({ length: 200 }, (_, i) => ask("/" + i)))).join().length);
console.log((await (await fetch("http://127.0.0.1:" + port + "/fetch")).text()));
agent.destroy(); server.close();
const echo = net.createServer((s) => s.pipe(s)); echo.listen(0, "::1"); await once(echo, "listening");
const s = net.connect(echo.address().port, "::1"); let got = 0;
s.on("data", (d) => { got += d.length; if (got === 4e6) s.end(); });
s.write(Buffer.alloc(4e6, 1)); await once(s, "close"); console.log(got); echo.close();
const e = await new Promise((ok) => net.connect(1, "127.0.0.1").on("error", ok)); console.log(e.code, e.syscall);
const u = dgram.createSocket("udp4"); u.bind(0, "127.0.0.1"); await once(u, "listening");
const v = dgram.createSocket("udp4"); v.send("hi", u.address().port, "127.0.0.1"); const [m, from] = await once(u, "message"); console.log(String(m), from.family);
u.close(); v.close();
END
node all.mjs
`;

const NAMES = `
set -e
${UP}
D=$(mktemp -d); cd $D
dnsmasq --keep-in-foreground --port=5300 --listen-address=127.0.0.1,::1 --bind-interfaces --no-resolv --no-hosts --conf-file=/dev/null --pid-file= \\
  --address=/a.test/192.0.2.1 --address=/a.test/2001:db8::1 --txt-record=t.test,"$(head -c 200 /dev/zero | tr '\\0' t)" 2> log &
up 127.0.0.1 5300
for server in 127.0.0.1 ::1; do for way in +notcp +tcp; do
  dig @$server -p 5300 $way +short a.test A; dig @$server -p 5300 $way +short a.test AAAA; dig @$server -p 5300 $way +short t.test TXT
  dig @$server -p 5300 $way nosuch.test | grep -o 'status: [A-Z]*'
done; done
dig @127.0.0.1 -p 5301 +tries=1 +time=1 a.test | grep -E 'refused|no servers' | head -n 1
kill %1; wait || true; echo ended
`;

const NETCAT = `
set -e
${UP}
D=$(mktemp -d); cd $D; head -c 2000000 /dev/zero | tr '\\0' z > data
for a in 127.0.0.1 ::1; do
  nc -l $a 7003 > got & L=$!
  for i in $(seq 200); do nc -N $a 7003 < data 2> /dev/null && break; sleep 0.05; done
  wait $L; md5sum < got
done
nc -z 127.0.0.1 1 || echo closed
nc -u -l 127.0.0.1 7004 > got & L=$!
sleep 0.3; for i in 1 2 3; do echo "datagram $i"; sleep 0.05; done | nc -u -w 1 127.0.0.1 7004; kill $L; cat got
socat TCP-LISTEN:7005,fork,reuseaddr SYSTEM:'tr a-z A-Z' 2> /dev/null & S=$!; up 127.0.0.1 7005
for i in 1 2 3; do echo "hello $i" | socat - TCP:127.0.0.1:7005; done
kill $S
socat UDP6-RECVFROM:7006,fork EXEC:cat 2> /dev/null & S=$!; sleep 0.3; echo six | socat -T 1 - UDP6:[::1]:7006; kill $S
`;

const IPERF = `
set -e
${UP}
iperf3 -s -p 7007 > /dev/null 2>&1 & S=$!
up 127.0.0.1 7007
run() { iperf3 -c "$@" -p 7007 -t 1 -J > out || { cat out; exit 1; }; python3 -c 'import json; e = json.load(open("out"))["end"]; s = e.get("sum_received") or e["sum"]; print(s["bytes"] > 0)'; }
cd $(mktemp -d)
run 127.0.0.1; run 127.0.0.1 -R; run 127.0.0.1 -P 4; run ::1; run 127.0.0.1 -u -b 20M; run 127.0.0.1 -u -R -b 20M; run 127.0.0.1 --bidir
kill $S
`;

const RSYNC = `
set -e
${UP}
D=$(mktemp -d); cd $D; mkdir from to; for i in $(seq 300); do echo "file $i" > from/$i; done; head -c 3000000 /dev/zero > from/big; ln -s big from/link
printf 'use chroot = no\\n[all]\\npath = %s/from\\n' $D > conf
rsync --daemon --no-detach --config=conf --port=7008 --address=127.0.0.1 --log-file=log & S=$!
up 127.0.0.1 7008
rsync -a rsync://127.0.0.1:7008/all/ to/; diff -r from to && echo same
echo more > from/5; rsync -ai rsync://127.0.0.1:7008/all/ to/ | awk '{print $2}'
kill $S
`;

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

/** What differs from run to run: times, ports, numbers that are chosen at random. */
const TCPDUMP = `
set -e
${UP}
D=$(mktemp -d); chmod 777 $D; cd $D
quiet() {
  sed -E 's/^[0-9:.]+ //; s/(127.0.0.1|::1)\\.[0-9]{5}/\\1.P/g; s/\\bid [0-9]+/id N/; s/(seq|ack) [0-9:]+,/\\1 S,/g; s/TS val [0-9]+ ecr [0-9]+/TS/; s/flowlabel 0x[0-9a-f]+/flowlabel F/'
}
dump() {
  : > err; timeout 20 tcpdump -n -l "$@" > out 2> err & T=$!
  for i in $(seq 200); do grep -q 'listening on' err && return; sleep 0.05; done; cat err; exit 1
}
ended() { wait $T; quiet < out; grep -E 'captured|dropped' err; }
talk() {
  nc -l 127.0.0.1 7101 > got & L=$!
  for i in $(seq 200); do ss -Hltn | grep -q :7101 && break; sleep 0.05; done
  echo hello | nc -N 127.0.0.1 7101; wait $L; cat got
}
echo "-- echoes"; dump -i lo -c 6 icmp; ping -q -c 3 -i 0.2 127.0.0.1 > /dev/null; ended
echo "-- any"; dump -i any -c 4 icmp6; ping -q -c 2 -i 0.2 ::1 > /dev/null; ended
echo "-- in"; dump -i any -e -c 2 -Q in icmp; ping -q -c 1 127.0.0.1 > /dev/null; ended
echo "-- TCP"; dump -i lo -c 3 'tcp port 7101 and greater 67'; talk; ended
echo "-- to a file"; dump -i lo -w file -c 4 'udp port 7102'
for i in 1 2 3 4; do echo "datagram $i" > /dev/udp/127.0.0.1/7102; done; ended
tcpdump -n -e -r file 2> /dev/null | quiet
tcpdump -n -A -r file greater 1 2> /dev/null | grep -o 'datagram .'
tcpdump -n -r file 'udp[8:4] = 0x64617461 and udp[17] = 0x33' 2> /dev/null | quiet
echo "-- as it comes"; : > err; (timeout 20 tcpdump -n -U -i lo -c 2 -w - icmp 2> err | tcpdump -n -r - 2> /dev/null > out) & T=$!
for i in $(seq 200); do grep -q 'listening on' err && break; sleep 0.05; done
ping -q -c 1 127.0.0.1 > /dev/null; wait $T; quiet < out
echo "-- a short snap"; dump -i lo -s 60 -c 2 icmp; ping -q -c 1 -s 1000 127.0.0.1 > /dev/null; ended
tcpdump -i nosuch 2>&1 | head -n 1
tcpdump -i lo 'nonsense and' 2>&1 | tail -n 1
`;

/** Runs as root of the sandbox, which may have a server's account and keys. */
const SSH = `
${UP}
mkdir -p /run/sshd /root/.ssh; chmod 700 /root/.ssh; cd /root
ssh-keygen -q -t ed25519 -N '' -f host; ssh-keygen -q -t ed25519 -N '' -f me; cp me.pub .ssh/authorized_keys; chmod 600 .ssh/authorized_keys
/usr/sbin/sshd -D -p 2222 -o ListenAddress=127.0.0.1 -h /root/host -o PidFile=none -o UsePAM=no -o StrictModes=no -o PermitRootLogin=yes -e 2> log &
up 127.0.0.1 2222
S="ssh -q -p 2222 -i me -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
$S root@127.0.0.1 'echo hello; exit 3'; echo "ended with $?"
head -c 3000000 /dev/zero | $S root@127.0.0.1 'cat | md5sum'
$S -L 7010:127.0.0.1:2222 -N root@127.0.0.1 & T=$!
up 127.0.0.1 7010; head -c 4 < /dev/tcp/127.0.0.1/7010; echo; kill $T
mkdir a; for i in $(seq 50); do echo $i > a/$i; done
rsync -a -e "$S" a/ root@127.0.0.1:/root/b/; diff -r a b && echo same
printf 'get /root/a/7 seven\\nbye\\n' | sftp -q -P 2222 -i me -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@127.0.0.1 > /dev/null 2>&1; cat seven
kill %1; true
`;
const SSH_SAYS = `hello
ended with 3
c9fc2d3dd83ab67a129ac10b09c9ebbb  -
SSH-
same
7
`;

const APT = `
set -e
${UP}
D=$(mktemp -d); cd $D
mkdir -p repo pkg/DEBIAN pkg/opt state/lists/partial cache/archives/partial
printf 'Package: greeting\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: nobody <nobody@example.org>\\nDescription: a greeting\\n' > pkg/DEBIAN/control
echo hello > pkg/opt/greeting; dpkg-deb -b pkg repo/greeting_1.0_all.deb > log
(cd repo; F=greeting_1.0_all.deb; { dpkg-deb -f $F; echo "Filename: ./$F"; echo "Size: $(stat -c %s $F)"; echo "SHA256: $(sha256sum $F | cut -d ' ' -f 1)"; echo; for i in $(seq 3000); do printf 'Package: other%d\\nVersion: 1\\nArchitecture: all\\nDescription: %s\\nFilename: ./none\\nSize: 1\\n\\n' $i $i; done; } > Packages; gzip -k Packages)
touch status; echo 'deb [trusted=yes] http://deb.example.org:8030/ ./' > list
cat > proxy.py <<END
import http.server, socketserver, sys
class Proxy(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        print(self.command, self.path, file=sys.stderr, flush=True)
        assert self.path.startswith("http://deb.example.org:8030/")
        self.path = "/" + self.path.split("/", 3)[3]
        super().do_GET()
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", 3128), Proxy).serve_forever()
END
(cd repo; exec python3 ../proxy.py 2> ../asked) & P=$!
up 127.0.0.1 3128
A="-q -o Dir::Etc::sourcelist=$D/list -o Dir::Etc::sourceparts=- -o Dir::State=$D/state -o Dir::State::status=$D/status -o Dir::Cache=$D/cache -o APT::Sandbox::User=root -o Acquire::http::Proxy=http://127.0.0.1:3128 -o Acquire::Languages=none"
apt-get $A update 2>&1 | sed 's/ in .*//' | grep -v '^Reading'
apt-cache $A show greeting | grep -E '^(Package|Version|Size)'
apt-cache $A pkgnames | wc -l
apt-get $A download greeting 2>&1 | sed 's/ in .*//'; cmp greeting_1.0_all.deb repo/greeting_1.0_all.deb && echo same
apt-get $A -s install greeting | grep ^Inst
sort -u asked
kill $P; wait $P 2> /dev/null || true
`;

interface Case {
  readonly what: string;
  readonly script: string;
  readonly needs: readonly (readonly [probe: string, packageName: string])[];
  /** Who runs it, if it needs to be somebody. */
  readonly user?: string;
}

const CASES: readonly Case[] = [
  {
    what: "nginx, curl, wget, ab: HTTP and TLS",
    script: NGINX,
    needs: [
      ["nginx", "nginx-light"],
      ["curl", "curl"],
      ["wget", "wget"],
      ["ab", "apache2-utils"],
      ["openssl", "openssl"],
    ],
  },
  { what: "redis: commands, load, subscriptions", script: REDIS, needs: [["redis-server", "redis-server"]] },
  {
    what: "PostgreSQL: queries, pgbench",
    script: POSTGRES,
    needs: [["/usr/lib/postgresql", "postgresql"]],
    user: "postgres",
  },
  { what: "Python: http, xmlrpc, asyncio, ssl", script: PYTHON, needs: [["openssl", "openssl"]] },
  { what: "Node: http, streams, datagrams", script: NODE, needs: [["node", "nodejs"]] },
  {
    what: "dnsmasq and dig",
    script: NAMES,
    needs: [
      ["dnsmasq", "dnsmasq-base"],
      ["dig", "bind9-dnsutils"],
    ],
  },
  {
    what: "netcat and socat",
    script: NETCAT,
    needs: [
      ["nc", "netcat-openbsd"],
      ["socat", "socat"],
    ],
  },
  { what: "ping", script: PING, needs: [["ping", "iputils-ping"]] },
  { what: "tcpdump", script: TCPDUMP, needs: [["tcpdump", "tcpdump"]], user: "0" },
  { what: "traceroute", script: TRACEROUTE, needs: [["traceroute", "traceroute"]] },
  { what: "iperf3: TCP, UDP, both ways", script: IPERF, needs: [["iperf3", "iperf3"]] },
  { what: "apt-get by a proxy", script: APT, needs: [["apt-get", "apt"]] },
  { what: "rsync's daemon", script: RSYNC, needs: [["rsync", "rsync"]] },
];

const areThere = ({ needs }: Pick<Case, "needs">) => needs.every(([probe, name]) => isInstalled(probe, name));

for (const one of CASES) if (areThere(one)) test(one.what, () => compareScripts(one.script, MS, one.user));

if (
  areThere({
    needs: [
      ["sshd", "openssh-server"],
      ["rsync", "rsync"],
    ],
  })
)
  test("ssh: commands, a tunnel, rsync, sftp", async () => {
    const { text, code } = await sandboxed(SSH, MS, "0");
    assert.is(text, SSH_SAYS);
    assert.is(code, 0);
  });

test.run();
