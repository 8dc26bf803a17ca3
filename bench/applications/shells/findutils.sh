#@ Packages: findutils
#@ Needs: find xargs
#@ Does: find over /usr/lib by type, size, time and permission, xargs in parallel
find /usr/lib/python3* -name '*.py' -size +20k | sort | md5sum
find /usr/share/doc -maxdepth 2 -type l -printf '%f %l\n' 2> /dev/null | sort | md5sum
find /etc -xdev -perm -u+s -o -newermt 2100-01-01 2> /dev/null | wc -l
seq 500 | xargs -P 4 -n 10 echo | tr ' ' '\n' | sort -n | md5sum
mkdir -p t/{a,b,c}/{1..30}; find t -type d -empty -delete; find t | wc -l
find /usr/include -name '*.h' -print0 | xargs -0 cat | wc -c
