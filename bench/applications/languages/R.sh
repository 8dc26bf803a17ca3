#@ Packages: r-base-core
#@ Needs: R
#@ Does: a regression, a forked cluster, sockets of its own, a PDF
cat > p.R <<'END'
set.seed(1); x <- rnorm(10000); y <- 2 * x + rnorm(10000); print(round(coef(lm(y ~ x)), 3))
library(parallel); print(sum(unlist(mclapply(1:20, function(i) i^2, mc.cores = 2))))
cl <- makeCluster(2); print(sum(unlist(parLapply(cl, 1:10, function(i) i + 1)))); stopCluster(cl)
print(round(det(crossprod(matrix(rnorm(40000), 200)) / 200), 3)); pdf("p.pdf"); plot(x[1:100]); invisible(dev.off()); print(file.size("p.pdf") > 4000)
print(system("exit 3")); write.csv(data.frame(a = 1:1000), "c"); print(sum(read.csv("c")$a))
END
R --vanilla --slave -f p.R
