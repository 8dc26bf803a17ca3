// deadline: 900 s
// Servers, used over unix sockets by their own clients: redis, nginx, MariaDB. (PostgreSQL: e2e/postgresql.)

import { test } from "uvu";
import { compareScripts, isFull, isInstalled } from "./compare.ts";

const MS = 240_000;

const REDIS = `
set -e
D=$(mktemp -d); cd $D
server() { redis-server --port 0 --unixsocket $D/s --dir $D --appendonly yes --appendfsync always --save "" > log & }
ask() { redis-cli -s $D/s "$@"; }
up() { for i in $(seq 200); do ask ping 2> /dev/null | grep -q PONG && return; sleep 0.05; done; cat log; exit 1; }
server; up
ask set a 1; ask incr a; ask rpush list x y z; ask lrange list 0 -1
for i in $(seq 1000); do echo "set key:$i value:$i"; done | ask > /dev/null
redis-benchmark -s $D/s -q -n 2000 -c 20 -t set,get > bench; grep -c 'requests per second' bench
ask dbsize | grep -q '^100[0-9]$' && echo many
ask bgsave > /dev/null
for i in $(seq 200); do ask info persistence | grep -q rdb_bgsave_in_progress:0 && break; sleep 0.05; done
test -s dump.rdb && echo saved
kill -9 $!; wait $! 2> /dev/null || true
server; up
ask get a; ask get key:1000; ask llen list
ask shutdown nosave > /dev/null 2>&1 || true
wait; echo ended
`;

const NGINX = `
set -e
D=$(mktemp -d); cd $D
mkdir www logs; echo hello > www/index.html; head -c 3000000 /dev/zero > www/big
cat > conf <<END
worker_processes 2; pid $D/pid; error_log $D/error.log;
events { worker_connections 64; }
http {
  access_log $D/logs/access.log; sendfile on; gzip on; gzip_types *;
  client_body_temp_path $D/a; proxy_temp_path $D/b; fastcgi_temp_path $D/c; uwsgi_temp_path $D/d; scgi_temp_path $D/e;
  server { listen unix:$D/back; location / { return 200 "back $request_uri\\n"; } }
  server { listen unix:$D/s; root $D/www; location /back/ { proxy_pass http://unix:$D/back:/; } }
}
END
sed -i 's/\\$request_uri/\\$request_uri/' conf
nginx -c $D/conf -p $D
get() { python3 - "$@" <<'END'
import http.client, socket, sys, hashlib
class C(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX); self.sock.connect(sys.argv[1])
c = C("localhost")
for path in sys.argv[2:]:
    c.request("GET", path); r = c.getresponse(); b = r.read()
    print(r.status, len(b), hashlib.md5(b).hexdigest() if r.status == 200 else "")
END
}
get $D/s / /big /nosuch /back/x / /big
for i in 1 2 3 4; do get $D/s / /big > out.$i & done
wait
cat out.* | sort | uniq -c
nginx -c $D/conf -p $D -s reload 2> /dev/null; sleep 0.5; get $D/s /
wc -l < logs/access.log
kill -QUIT $(cat pid)
for i in $(seq 100); do test -e pid || break; sleep 0.05; done
test -e pid || echo ended
`;

const MARIADB = `
set -e
D=$(mktemp -d); cd $D
mariadb-install-db --no-defaults --datadir=$D/data --auth-root-authentication-method=normal --skip-test-db > log 2>&1 || { cat log; exit 1; }
server() { mariadbd --no-defaults --datadir=$D/data --socket=$D/s --skip-networking --pid-file=$D/pid > log 2>&1 & }
ask() { mariadb --no-defaults -u root -S $D/s -N "$@"; }
up() { for i in $(seq 400); do ask -e 'select 1' > /dev/null 2>&1 && return; sleep 0.1; done; cat log; exit 1; }
server; up
ask -e "create database d; create table d.t (id int primary key auto_increment, v varchar(99), key(v)) engine=innodb"
(echo "begin;"; for i in $(seq 2000); do echo "insert into t(v) values ('value $i');"; done; echo "commit;") | ask d
ask d -e "select count(*), sum(id) from t; select v from t where v like 'value 199_' order by v limit 3"
for i in 1 2 3 4; do (for k in $(seq 25); do echo "update t set v = concat(v, '.') where id = $i;"; done) | ask d & jobs=$!; done
wait $(jobs -p | tail -n 4)
ask d -e "select id, length(v) from t where id <= 4"
kill -9 $(cat pid); { wait $(cat pid) || true; } 2> /dev/null
server; up
ask d -e "select count(*), sum(length(v)) from t; check table t" | cut -f 1-4
ask -e shutdown; wait; echo ended
`;

if (isInstalled("redis-server", "redis-server"))
  test("redis: commands, load, snapshots, a crash", () => compareScripts(REDIS, MS));
if (isInstalled("nginx", "nginx-light"))
  test("nginx: files, a proxy, workers, reload", () => compareScripts(NGINX, MS));
if (isFull && isInstalled("mariadbd", "mariadb-server"))
  test("MariaDB: tables, clients at once, a crash", () => compareScripts(MARIADB, MS));

test.run();
