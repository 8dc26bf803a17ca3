#@ Packages: guile-3.0
#@ Needs: guile
#@ Does: continuations, threads, sockets, pipes
cat > p.scm <<'END'
(use-modules (ice-9 threads) (ice-9 popen) (ice-9 rdelim) (srfi srfi-1))
(display (apply + (par-map (lambda (n) (* n n)) (iota 1000)))) (newline)
(let* ((p (open-input-pipe "echo piped; exit 3")) (l (read-line p))) (display (list l (status:exit-val (close-pipe p))))) (newline)
(let ((s (socketpair AF_UNIX SOCK_STREAM 0))) (write-line "pair" (car s)) (force-output (car s)) (display (read-line (cdr s)))) (newline)
(display (call/cc (lambda (k) (for-each (lambda (x) (if (> x 5) (k x))) (iota 10)) 0))) (newline)
(let ((pid (primitive-fork))) (if (zero? pid) (primitive-exit 7) (display (status:exit-val (cdr (waitpid pid)))))) (newline)
(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))) (display (fib 27)) (newline)
END
guile --no-auto-compile p.scm 2> /dev/null
