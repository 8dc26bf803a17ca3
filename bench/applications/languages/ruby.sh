#@ Packages: ruby
#@ Does: threads, fibers, forks, sockets, Ractor-free parallel work, Open3, PTY
cat > p.rb <<'END'
require "socket"; require "open3"; require "pty"; require "tempfile"; require "digest"; require "json"; require "timeout"; require "fiddle"
s = TCPServer.new("127.0.0.1", 0); t = Thread.new { 100.times { c = s.accept; c.puts c.gets.upcase; c.close } }
puts (1..100).map { |i| c = TCPSocket.new("127.0.0.1", s.addr[1]); c.puts "text #{i}"; c.read.size }.sum; t.join
puts Open3.capture3("sh", "-c", "cat; echo e >&2; exit 3", stdin_data: "in" * 50000).then { |o, e, x| [o.size, e, x.exitstatus].inspect }
PTY.spawn("stty size; tty > /dev/null && echo terminal") { |r, w, pid| begin; r.each { |l| puts l }; rescue Errno::EIO; end; Process.wait pid }
r, w = IO.pipe; pid = fork { r.close; w.write Marshal.dump((1..1000).to_a); exit!(5) }; w.close; p Marshal.load(r.read).sum; Process.wait pid; p $?.exitstatus
begin; Timeout.timeout(0.1) { sleep 5 }; rescue Timeout::Error; puts "timeout"; end
trap("USR1") { puts "usr1" }; Process.kill("USR1", $$); sleep 0.1
p (1..8).map { |i| Thread.new { (1..100000).sum { |k| k % (i + 1) } } }.sum(&:value)
File.open("f", "w") { |f| f.flock(File::LOCK_EX); 20000.times { |i| f.puts i } }; puts Digest::SHA256.file("f")
f = Fiber.new { 3.times { |i| Fiber.yield i }; :end }; p 4.times.map { f.resume }
END
ruby p.rb
