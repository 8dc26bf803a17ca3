#@ Packages: busybox
#@ Does: ash, awk, sed, tar, gzip, find, httpd and wget of its own
b=busybox
$b seq 1 20000 > numbers; $b md5sum numbers
$b awk '{ s += $1 } END { print s }' numbers
$b sh -c 'i=0; while [ $i -lt 300 ]; do i=$((i+1)); busybox true; done; echo $i'
mkdir tree; for i in 1 2 3; do cp numbers tree/$i; done
$b tar -czf t.tgz tree; mkdir out; $b tar -xzf t.tgz -C out; $b diff -r tree out/tree && echo equal
$b find out -type f | $b sort | $b xargs $b wc -l
$b bzip2 -k numbers; $b bunzip2 -c numbers.bz2 | $b sha1sum
$b vi --help > /dev/null 2>&1; $b df . > /dev/null; $b ps > /dev/null; $b top -b -n 1 > /dev/null && echo tools
$b httpd -p 127.0.0.1:8080 -h tree -f & until_open 8080; $b wget -qO- http://127.0.0.1:8080/2 | $b md5sum
