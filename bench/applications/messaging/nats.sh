#@ Packages: nats-server python3
#@ Needs: nats-server python3
#@ Does: two servers as a cluster, five hundred messages from one to a subscriber of the other
nats-server -a 127.0.0.1 -p 4331 -cluster nats://127.0.0.1:4341 -cluster_name c > l1 2>&1 & nats-server -a 127.0.0.1 -p 4332 -cluster nats://127.0.0.1:4342 -cluster_name c -routes nats://127.0.0.1:4341 > l2 2>&1 & until_open 4331; until_open 4332
python3 - <<'END'
import socket, time
def connect(p):
    s = socket.create_connection(("127.0.0.1", p)); f = s.makefile("rwb"); f.readline(); f.write(b'CONNECT {"verbose":false}\r\nPING\r\n'); f.flush()
    while f.readline() != b"PONG\r\n": pass
    return f
a, b = connect(4332), connect(4331)
a.write(b"SUB x 1\r\nPING\r\n"); a.flush(); a.readline(); time.sleep(1.5)
for i in range(500): b.write(b"PUB x 4\r\n%04d\r\n" % i)
b.flush(); n = 0
for _ in range(500): a.readline(); n += int(a.readline())
print(n)
END
