#@ Packages: haproxy python3 curl apache2-utils
#@ Needs: haproxy python3 curl ab
#@ Does: balances two servers, notices that one dies, tells statistics by a Unix socket
for n in 1 2; do mkdir s$n; echo server $n > s$n/index.html; (cd s$n; exec python3 -m http.server 900$n --bind 127.0.0.1 > /dev/null 2>&1) & echo $! > pid$n; done; until_open 9001; until_open 9002
cat > conf <<END
global
  stats socket $HOME/sock level admin
  nbthread 2
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
listen l
  bind 127.0.0.1:9000
  balance roundrobin
  option redispatch
  server a 127.0.0.1:9001 check inter 200
  server b 127.0.0.1:9002 check inter 200
END
haproxy -W -f conf > log 2>&1 & until_open 9000; for i in 1 2 3 4; do curl -s http://127.0.0.1:9000/; done | sort | uniq -c
ab -q -n 300 -c 5 http://127.0.0.1:9000/ | grep -E 'Complete|Failed' ; kill $(cat pid2); sleep 1.5; for i in 1 2 3 4; do curl -s http://127.0.0.1:9000/; done | sort | uniq -c
python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.connect("sock"); s.sendall(b"show stat\n"); print([l.split(",")[17] for l in s.makefile() if l.startswith("l,")])'; kill -USR1 $!; wait $! || true; echo ended
