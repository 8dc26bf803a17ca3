#@ Packages: mariadb-server
#@ Needs: mariadbd mariadb-install-db
#@ Does: sets up a server, transactions of four clients, dump and restore, a crash and its recovery
#@ Deadline: 200
mariadb-install-db --no-defaults --datadir=$HOME/data --auth-root-authentication-method=normal --skip-test-db > log 2>&1
serve() { mariadbd --no-defaults --datadir=$HOME/data --socket=$HOME/s --port=3307 --bind-address=127.0.0.1 --innodb-buffer-pool-size=32M > log 2>&1 & until_so mariadb-admin --no-defaults -S s -u root ping; }
serve; server=$!
m() { mariadb --no-defaults -S $HOME/s -u root -N "$@"; }
m -e 'create database d; create table d.t(a int auto_increment primary key, b varchar(50), key(b)) engine=innodb; create table d.c(n int) engine=innodb; insert into d.c values (0)'
add() { for i in $(seq 50); do echo "start transaction; insert into t(b) values ('$1 $i'); update c set n = n + 1; commit;"; done | m d; }
add a & one=$!; add b & two=$!; add c & three=$!; add e; wait $one $two $three
m d -e 'select count(*), count(distinct b) from t; select n from c; select count(*) from seq_1_to_100000'
mariadb-dump --no-defaults -S s -u root d > dump; m -e 'create database e'; m e < dump; m e -e 'checksum table t' | cut -f2 > x; m d -e 'checksum table t' | cut -f2 | cmp - x && echo equal
end_by KILL $server; serve; m d -e 'check table t; select count(*) from t'
m -h 127.0.0.1 -P 3307 --protocol=tcp -e 'select 1 + 1'; mariadb-admin --no-defaults -S s -u root shutdown; wait; echo ended
