#@ Packages: ocaml-nox
#@ Needs: ocamlopt
#@ Does: native code and byte code, with Unix processes, sockets and domains
cat > p.ml <<'END'
let () =
  let a, b = Unix.socketpair Unix.PF_UNIX Unix.SOCK_STREAM 0 in
  (match Unix.fork () with
   | 0 -> ignore (Unix.write_substring a "from child" 0 10); exit 3
   | pid -> let buf = Bytes.create 64 in let n = Unix.read b buf 0 64 in
     let _, status = Unix.waitpid [] pid in
     print_endline (Bytes.sub_string buf 0 n);
     match status with Unix.WEXITED c -> Printf.printf "exit %d\n" c | _ -> print_endline "?");
  let ds = List.init 4 (fun i -> Domain.spawn (fun () -> let s = ref 0 in for k = 1 to 100000 do s := !s + k * i done; !s)) in
  print_int (List.fold_left (fun s d -> s + Domain.join d) 0 ds); print_newline ();
  try failwith "caught" with Failure m -> print_endline m
END
ocamlopt -I +unix unix.cmxa p.ml -o p; ./p; ocamlc -I +unix unix.cma p.ml -o q; ./q
