#@ Packages: dbench
#@ Does: the file operations of two clients
printf 'stock\n' > /dev/null; dbench -c /usr/share/dbench/client.txt -D . -t 2 2 2> /dev/null | grep -c Throughput
