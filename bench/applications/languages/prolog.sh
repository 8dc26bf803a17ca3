#@ Packages: swi-prolog-nox
#@ Needs: swipl
#@ Does: backtracking, threads with message queues, pipes
cat > p.pl <<'END'
queens(N, Qs) :- numlist(1, N, Ns), permutation(Ns, Qs), safe(Qs).
safe([]). safe([Q|Qs]) :- no(Q, Qs, 1), safe(Qs).
no(_, [], _). no(Q, [P|Ps], D) :- Q =\= P + D, Q =\= P - D, D1 is D + 1, no(Q, Ps, D1).
main :- queens(8, Qs), print(Qs), nl, findall(T, (between(1, 4, I), thread_create((N is I * I, thread_exit(N)), T)), Ts), maplist([T, S]>>thread_join(T, S), Ts, Ss), print(Ss), nl,
  setup_call_cleanup(open(pipe('seq 3'), read, S), read_string(S, _, X), close(S)), print(X), nl, catch(_ is 1 / 0, error(E, _), (print(E), nl)), halt(2).
END
swipl -q -f p.pl -g main || echo $?
