#@ Packages: postgresql
#@ Needs: /usr/lib/postgresql
#@ User: postgres
#@ Does: initdb, pgbench with four clients, dump and restore, a crash and its recovery, LISTEN, parallel queries
#@ Deadline: 200
export PATH=$(ls -d /usr/lib/postgresql/*/bin | tail -1):$PATH PGHOST=$HOME PGDATA=$HOME/data PGUSER=admin PGDATABASE=postgres
initdb -A trust -U admin --no-sync > log
printf "listen_addresses = '127.0.0.1'\nport = 5432\nunix_socket_directories = '$HOME'\n" >> data/postgresql.conf
pg_ctl -l log -w start > /dev/null
pgbench -q -i -s 2 > log2 2>&1; pgbench -n -c 4 -j 2 -t 100 2> /dev/null | grep -E 'actually|failed'
psql -At -c 'select sum(delta) = (select sum(abalance) from pgbench_accounts) from pgbench_history' -c "select count(*) from pgbench_history"
psql -At -h 127.0.0.1 -c 'set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0; select count(*), sum(aid) from pgbench_accounts'
psql -At -c 'listen x' -c "notify x, 'told'" | sed 's/PID [0-9]*/PID/'
pg_dump > dump; createdb second; psql -q -At -d second -f dump > /dev/null; psql -At -d second -c 'select count(*) from pgbench_accounts'
(psql -c 'begin' -c 'insert into pgbench_history(tid) values (1)' -c 'select pg_sleep(20)' > /dev/null 2>&1 || true) &
sleep 0.3; pg_ctl -m immediate stop > /dev/null; pg_ctl -l log -w start > /dev/null; grep -c 'automatic recovery in progress' log; psql -At -c 'select count(*) from pgbench_history'
psql -At -c 'vacuum full analyze' -c 'create index on pgbench_accounts(abalance)' -c 'checkpoint'
pg_ctl -m fast -w stop | tail -1
