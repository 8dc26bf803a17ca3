#@ Packages: sbcl
#@ Does: threads, conditions, a core that is saved and started, garbage collections
cat > p.lisp <<'END'
(defun fib (n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))
(print (mapcar #'sb-thread:join-thread (loop for i below 4 collect (let ((n (+ 20 i))) (sb-thread:make-thread (lambda () (fib n)))))))
(print (handler-case (car 1) (type-error () :caught)))
(print (handler-case (labels ((f (n) (+ 1 (f n)))) (f 1)) (storage-condition () :exhausted)))
(print (let ((l nil)) (dotimes (i 3000000 (length l)) (push i l) (when (> i 2000000) (setf l nil)))))
(print (sb-ext:process-exit-code (sb-ext:run-program "/bin/sh" '("-c" "exit 6"))))
(defun main () (format t "~%from a core~%") (sb-ext:exit :code 0))
(sb-ext:save-lisp-and-die "image" :executable t :toplevel #'main)
END
sbcl --noinform --no-userinit --non-interactive --load p.lisp 2>&1 | grep -E '^\(|^:|^[0-9]' ; ./image
