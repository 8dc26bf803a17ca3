#@ Packages: valkey-server valkey-tools
#@ Needs: valkey-server valkey-cli
#@ Does: a snapshot by fork, an append-only file, a replica, scripts, pub/sub, its benchmark
valkey-server --port 7001 --save '' --appendonly yes --dir $HOME --logfile log --daemonize no > /dev/null & until_open 7001
r() { valkey-cli -p 7001 "$@"; }
valkey-benchmark -p 7001 -n 20000 -c 20 -q -t set,get,lpush -r 1000 --csv | cut -d, -f1; r lpush l a b c; r eval 'return valkey.call("LRANGE", "l", 0, -1)' 0
for i in $(seq 1000); do echo "set key:$i value-$i"; done | r > /dev/null; r bgsave > /dev/null; until_so sh -c 'valkey-cli -p 7001 info persistence | grep -q rdb_bgsave_in_progress:0'; [ -s dump.rdb ] && echo saved
valkey-server --port 7002 --save '' --replicaof 127.0.0.1 7001 --dir $HOME --dbfilename replica.rdb --logfile log2 > /dev/null & until_so sh -c 'valkey-cli -p 7002 info replication | grep -q master_link_status:up'; valkey-cli -p 7002 get key:77
valkey-cli -p 7001 subscribe c > sub & sleep 0.3; r publish c told; r bgrewriteaof > /dev/null; sleep 0.3; grep told sub
valkey-cli -p 7001 shutdown nosave || true; valkey-server --port 7001 --save '' --appendonly yes --dir $HOME --logfile log > /dev/null & until_so sh -c 'valkey-cli -p 7001 ping | grep PONG'; r get key:500; r shutdown nosave || true; valkey-cli -p 7002 shutdown nosave || true; valkey-check-aof appendonlydir/*.manifest | tail -1
