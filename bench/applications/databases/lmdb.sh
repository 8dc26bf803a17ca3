#@ Packages: lmdb-utils python3-lmdb
#@ Needs: mdb_load mdb_stat
#@ Does: loads, dumps and copies a mapped database
{ printf 'VERSION=3\nformat=print\ntype=btree\nmapsize=104857600\nHEADER=END\n'; for i in $(seq 10000 30000); do printf ' key%s\n value%s\n' $i $i; done; echo DATA=END; } > in
mkdir d e; mdb_load -f in d; mdb_stat d | grep Entries; mdb_copy -c d e; mdb_dump -p d | md5sum; cmp <(mdb_dump d) <(mdb_dump e) && echo equal
