#@ Packages: gnuplot-nox
#@ Needs: gnuplot
#@ Does: a surface as SVG and PNG, a fit
seq 20 | awk '{ print $1, 3 * $1 + 1 }' > data
gnuplot -e 'set fit quiet; set fit logfile "/dev/null"; a = 1; b = 1; f(x) = a * x + b; fit f(x) "data" via a, b; print sprintf("%.3f %.3f", a, b); set term svg; set output "s.svg"; splot sin(x) * cos(y); set term dumb 60 20; set output "d"; plot sin(x)'
md5sum < d; grep -c path s.svg
