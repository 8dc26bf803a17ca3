#@ Packages: erlang-base
#@ Needs: erl erlc
#@ Does: ten thousand processes, gen_tcp, ports, ets, distribution over epmd
cat > p.erl <<'END'
-module(p). -export([main/0, echo/1]).
echo(L) -> {ok, S} = gen_tcp:accept(L), spawn(fun() -> echo(L) end), {ok, B} = gen_tcp:recv(S, 0), gen_tcp:send(S, string:uppercase(B)), gen_tcp:close(S).
main() ->
  Me = self(), [spawn(fun() -> Me ! N end) || N <- lists:seq(1, 10000)], io:format("~p~n", [lists:sum([receive X -> X end || _ <- lists:seq(1, 10000)])]),
  {ok, L} = gen_tcp:listen(0, [binary, {active, false}, {ip, {127,0,0,1}}]), {ok, Port} = inet:port(L), spawn(fun() -> echo(L) end),
  Sizes = [begin {ok, S} = gen_tcp:connect({127,0,0,1}, Port, [binary, {active, false}]), gen_tcp:send(S, "text"), {ok, B} = gen_tcp:recv(S, 0), gen_tcp:close(S), size(B) end || _ <- lists:seq(1, 100)], io:format("~p~n", [lists:sum(Sizes)]),
  io:format("~s", [os:cmd("seq 3 | sort -r")]), T = ets:new(t, [public]), [ets:insert(T, {N, N}) || N <- lists:seq(1, 50000)], io:format("~p~n", [ets:info(T, size)]),
  ok = file:write_file("f", lists:duplicate(100000, $a)), {ok, F} = file:read_file("f"), io:format("~p~n", [erlang:crc32(F)]), halt(3).
END
erlc p.erl; erl -noshell -s p main || echo $?
