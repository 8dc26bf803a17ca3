#@ Packages: fpc
#@ Does: Pascal with files and exceptions
cat > p.pas <<'END'
program p; {$mode objfpc} uses cthreads, sysutils, classes;
var f: text; i: longint; s: int64; l: tstringlist;
begin
  assign(f, 'x'); rewrite(f); for i := 1 to 50000 do writeln(f, i); close(f);
  l := tstringlist.create; l.loadfromfile('x'); s := 0; for i := 0 to l.count - 1 do s := s + strtoint(l[i]);
  writeln(s); try strtoint('y') except on e: exception do writeln(e.message) end;
end.
END
fpc -v0 p.pas > log 2>&1; ./p
