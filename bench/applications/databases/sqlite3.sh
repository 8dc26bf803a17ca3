#@ Packages: sqlite3
#@ Does: write-ahead logging by two processes at once, FTS, a vacuum, integrity check
sqlite3 d 'pragma journal_mode=wal; create table t(a integer primary key, b text);'
add() { for i in $(seq 20); do echo "pragma busy_timeout=20000; begin immediate; insert into t(b) select '$1-$i-' || value from generate_series(1, 100); commit;"; done | sqlite3 d > /dev/null; }
add x & add y & wait %1 %2
sqlite3 d "select count(*), count(distinct b) from t; create virtual table f using fts5(b); insert into f select b from t; select count(*) from f where f match 'x';
 with recursive c(n) as (select 1 union all select n + 1 from c where n < 300000) select sum(n) from c; delete from t where a % 2; vacuum; pragma integrity_check; pragma wal_checkpoint(truncate);"
sqlite3 d .dump | sqlite3 e; sqlite3 e 'select count(*) from t'; sqlite3 d '.backup g'; cmp <(sqlite3 d .dump) <(sqlite3 g .dump) && echo equal
