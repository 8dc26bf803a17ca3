#@ Packages: gfortran
#@ Does: a program of numbers and formatted files
cat > p.f90 <<'END'
program p
  integer :: i, n
  real(8) :: s
  s = 0
  do i = 1, 5000000
    s = s + 1d0 / i
  end do
  open(10, file='f'); do i = 1, 20000; write(10, '(I8,F12.4)') i, s; end do; close(10)
  open(10, file='f'); n = 0; do i = 1, 20000; read(10, '(I8)') n; end do; close(10)
  write(*, '(F12.6,I8)') s, n
end program
END
gfortran -O2 p.f90 -o p; ./p; md5sum f
