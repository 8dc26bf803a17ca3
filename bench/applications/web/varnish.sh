#@ Packages: varnish python3 curl gcc
#@ Needs: varnishd python3 curl
#@ Does: compiles its configuration, caches a server, purges by its shell
mkdir w; echo cached > w/f; (cd w; exec python3 -m http.server 9101 --bind 127.0.0.1 > log 2>&1) & until_open 9101
varnishd -n $HOME/v -F -a 127.0.0.1:9100 -b 127.0.0.1:9101 -s malloc,32m -j none > log 2>&1 & until_open 9100; for i in $(seq 50); do curl -s http://127.0.0.1:9100/f; done | sort | uniq -c; varnishstat -n $HOME/v -1 -f MAIN.cache_hit | awk '{ print $1, $2 }'
varnishadm -n $HOME/v ban req.url == /f; curl -s http://127.0.0.1:9100/f; varnishstat -n $HOME/v -1 -f MAIN.cache_miss | awk '{ print $1, $2 }'
