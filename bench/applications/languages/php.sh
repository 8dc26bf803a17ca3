#@ Packages: php-cli
#@ Does: its web server with its own client, proc_open, sockets, generators, sodium
cat > index.php <<'END'
<?php echo strtoupper($_GET["x"] ?? "none"), getmypid() > 0 ? "!" : "?";
END
cat > p.php <<'END'
<?php
$n = 0; for ($i = 0; $i < 200; $i++) $n += strlen(file_get_contents("http://127.0.0.1:8123/?x=text$i")); echo "$n\n";
$p = proc_open(["sort", "-n"], [["pipe", "r"], ["pipe", "w"]], $f); foreach (range(500, 1) as $i) fwrite($f[0], "$i\n"); fclose($f[0]); echo substr(stream_get_contents($f[1]), 0, 4), proc_close($p), "\n";
[$a, $b] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0); fwrite($a, "pair"); echo fread($b, 10), "\n";
function g() { for ($i = 0; $i < 3; $i++) yield $i => $i ** 2; } foreach (g() as $k => $v) echo "$k=$v "; echo "\n";
$x = []; for ($i = 0; $i < 300000; $i++) $x[$i % 1000] = ($x[$i % 1000] ?? 0) + $i; echo array_sum($x), " ", md5(serialize($x)), "\n";
file_put_contents("f", str_repeat("a", 100000), LOCK_EX); echo filesize("f"), " ", strlen(gzcompress(file_get_contents("f"))) < 1000 ? "small" : "large", "\n";
echo preg_match_all('/\d+/', implode("a", range(1, 10000))), "\n"; $f = new Fiber(fn() => Fiber::suspend(1) + 1); echo $f->start(), "\n";
END
php -S 127.0.0.1:8123 > log 2>&1 & until_open 8123; php p.php; kill $!
