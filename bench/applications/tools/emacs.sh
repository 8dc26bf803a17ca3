#@ Packages: emacs-nox
#@ Needs: emacs
#@ Does: byte compilation, processes, a server and its client
echo '(defun f (n) (if (< n 2) n (+ (f (- n 1)) (f (- n 2))))) (provide (quote p))' > p.el; emacs -Q -batch -f batch-byte-compile p.el 2> /dev/null; emacs -Q -batch -L . -l p --eval '(progn (print (f 22)) (print (shell-command-to-string "seq 3 | tr -d \\\\n")) (print (with-temp-buffer (insert-file-contents "/etc/passwd") (> (buffer-size) 10))))'
emacs -Q --daemon=trial > log 2>&1; emacsclient -s trial --eval '(+ 40 2)'; emacsclient -s trial --eval '(kill-emacs)' > /dev/null 2>&1 || true; echo ended
