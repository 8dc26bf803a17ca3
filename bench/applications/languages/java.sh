#@ Packages: default-jdk-headless
#@ Needs: java javac
#@ Does: compiles; thread pools, two hundred threads, HTTP, NIO, processes, garbage collectors, flight recorder
#@ Deadline: 240
cat > Main.java <<'END'
import com.sun.net.httpserver.*; import java.net.*; import java.net.http.*; import java.nio.*; import java.nio.channels.*; import java.nio.file.*; import java.util.*; import java.util.concurrent.*; import java.util.stream.*;
public class Main {
  static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
  public static void main(String[] a) throws Exception {
    { var e = Executors.newFixedThreadPool(4); long s = 0; var l = new ArrayList<Future<Integer>>(); for (int i = 0; i < 20; i++) { int n = 20 + i % 8; l.add(e.submit(() -> fib(n))); } for (var f : l) s += f.get(); System.out.println(s); e.shutdown(); }
    { var e = Executors.newFixedThreadPool(200); System.out.println(IntStream.range(0, 2000).<Future<Integer>>mapToObj(i -> e.submit(() -> { Thread.sleep(5); return i; })).toList().stream().mapToInt(f -> { try { return f.get(); } catch (Exception x) { return -1; } }).sum()); e.shutdown(); }
    var s = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0); s.createContext("/", x -> { byte[] b = x.getRequestURI().toString().getBytes(); x.sendResponseHeaders(200, b.length); x.getResponseBody().write(b); x.close(); }); s.start();
    var c = HttpClient.newHttpClient(); int n = 0; for (int i = 0; i < 200; i++) n += c.send(HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + s.getAddress().getPort() + "/" + i)).build(), HttpResponse.BodyHandlers.ofString()).body().length(); System.out.println(n); s.stop(0);
    try (var f = FileChannel.open(Path.of("m"), StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) { var b = f.map(FileChannel.MapMode.READ_WRITE, 0, 1 << 20); b.putInt(4096, 42); b.force(); var r = ByteBuffer.allocate(4); f.read(r, 4096); System.out.println(r.getInt(0)); try (var k = f.lock()) { System.out.println(k.isValid()); } }
    var p = new ProcessBuilder("sh", "-c", "cat; exit 4").start(); try (var o = p.outputWriter()) { o.write("to child"); } System.out.println(new String(p.getInputStream().readAllBytes()) + p.waitFor());
    var w = FileSystems.getDefault().newWatchService(); Files.createDirectory(Path.of("w")); Path.of("w").register(w, StandardWatchEventKinds.ENTRY_CREATE); Files.writeString(Path.of("w/f"), "x"); System.out.println(w.poll(5, TimeUnit.SECONDS).pollEvents().get(0).context());
    var keep = new ArrayList<byte[]>(); for (int i = 0; i < 20000; i++) { keep.add(new byte[10000]); if (keep.size() > 1000) keep.clear(); } System.out.println("collected"); System.exit(0);
  }
}
END
run() { rm -rf w m; java -Dsun.net.httpserver.nodelay=true "$@"; }
javac Main.java; for gc in G1 Serial Parallel Z; do run -Xmx256m -XX:+Use${gc}GC Main | tee out | md5sum; done; java -Xint -version > /dev/null 2>&1 && echo interpreted
run -XX:StartFlightRecording=filename=r.jfr Main 2>&1 | grep -c collected; [ -s r.jfr ] && echo recorded
