#@ Packages: rclone unison
#@ Needs: rclone unison
#@ Does: a sync, a served WebDAV, two trees that both have changed
cp -r /usr/include/linux a; export RCLONE_CONFIG=$HOME/rc; touch rc; rclone -q sync a b; diff -r a b && echo equal; rclone serve webdav a --addr 127.0.0.1:8089 > log 2>&1 & until_open 8089; rclone -q copy ":webdav,url='http://127.0.0.1:8089':" c; diff -r a c && echo webdav; kill $!
echo x > a/x; echo y > b/y; rm b/futex.h; unison -silent -batch a b > log 2>&1 || true; diff -r a b && ls a | md5sum
