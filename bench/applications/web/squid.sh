#@ Packages: squid python3 curl
#@ Needs: squid python3 curl
#@ Does: a proxy to a server of localhost, with a cache in memory
mkdir w; seq 1 10000 > w/f; (cd w; exec python3 -m http.server 9103 --bind 127.0.0.1 > log 2>&1) & until_open 9103
printf 'http_port 127.0.0.1:3128\nhttp_access allow all\npid_filename %s/pid\ncache_log %s/cache.log\naccess_log none\ncoredump_dir %s\nicon_directory /usr/share/squid/icons\nlogfile_rotate 0\nshutdown_lifetime 0\nnetdb_filename none\n' $HOME $HOME $HOME > conf
squid -N -f conf > log 2>&1 & until_open 3128; for i in $(seq 20); do curl -s -x 127.0.0.1:3128 http://127.0.0.1:9103/f | md5sum; done | sort | uniq -c; kill $!; wait $!; echo $?
