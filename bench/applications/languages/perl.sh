#@ Packages: perl
#@ Does: forks, pipes, sockets, signals, IPC::Open3, System V IPC, regular expressions
cat > p.pl <<'END'
use strict; use IO::Socket::INET; use IPC::Open3; use POSIX ":sys_wait_h"; use Time::HiRes qw(sleep alarm); use IPC::SysV qw(IPC_PRIVATE IPC_CREAT IPC_RMID S_IRUSR S_IWUSR); use Digest::SHA qw(sha256_hex); use Storable qw(lock_store lock_retrieve); use File::Find; use threads;
$| = 1;
my $s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1") or die; my $port = $s->sockport;
if (!(my $pid = fork)) { for (1 .. 50) { my $c = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $port); print $c "line $_\n"; } exit 4 }
my $n = 0; for (1 .. 50) { my $c = $s->accept; $n += length(<$c>) } wait; print "$n ", $? >> 8, "\n";
my $pid = open3(my $in, my $out, undef, "sort", "-n"); print $in "$_\n" for reverse 1 .. 1000; close $in; my @l = <$out>; waitpid $pid, 0; print scalar(@l), " $l[0]";
local $SIG{ALRM} = sub { print "alarm\n" }; alarm 0.05; select undef, undef, undef, 0.3;
my $id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | S_IRUSR | S_IWUSR); shmwrite($id, "shared", 0, 6); my $x; shmread($id, $x, 0, 6); print "$x\n"; shmctl($id, IPC_RMID, 0);
lock_store({ a => [1 .. 100] }, "st"); print scalar @{ lock_retrieve("st")->{a} }, "\n";
print join(",", map { $_->join } map { my $i = $_; threads->create(sub { $i ** 2 }) } 1 .. 5), "\n";
my $files = 0; find(sub { $files++ if /\.pm$/ }, grep { -d } "/usr/share/perl"); print $files > 100 ? "found\n" : "few\n";
my %h; $h{ sha256_hex($_) }++ for 1 .. 30000; print scalar(keys %h), "\n"; my $t = "ab" x 50000; print scalar(() = $t =~ /(a)(?=b)/g), "\n";
END
perl p.pl
