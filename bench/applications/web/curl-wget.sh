#@ Packages: curl wget aria2 lftp python3
#@ Needs: curl wget aria2c lftp python3
#@ Does: four clients against one server: recursive, resumed, in pieces, parallel
mkdir w; for i in $(seq 20); do seq 1 $((i * 500)) > w/f$i; done; (cd w; exec python3 -m http.server 9104 --bind 127.0.0.1 > /dev/null 2>&1) & until_open 9104
wget -q -r -np -nH http://127.0.0.1:9104/ -P got; cat $(ls got/f* | sort) | md5sum; curl -s -Z 'http://127.0.0.1:9104/f[1-20]' -o '#1'; cat $(seq 20) | md5sum
head -c 1000 w/f20 > f20; curl -s -C - http://127.0.0.1:9104/f20 -o f20 || echo "no ranges: $?"; aria2c -q -x 4 -o a http://127.0.0.1:9104/f20; cmp a w/f20 && echo whole; lftp -c 'mirror http://127.0.0.1:9104/ m' > /dev/null 2>&1; cat $(ls m/f* | sort) | md5sum; curl -s file://$HOME/a | md5sum
