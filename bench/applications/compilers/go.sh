#@ Packages: golang-go
#@ Does: builds and runs a program with goroutines, HTTP and processes, its tests and race detector
export GOCACHE=$HOME/cache GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local GO111MODULE=on CGO_ENABLED=0
cat > go.mod <<'END'
module trial
go 1.20
END
cat > main.go <<'END'
package main
import ("fmt"; "io"; "net"; "net/http"; "os/exec"; "sync"; "time")
func Sum(n int) int { var m sync.Mutex; var w sync.WaitGroup; s := 0
	for i := 0; i < n; i++ { w.Add(1); go func(i int) { defer w.Done(); time.Sleep(time.Millisecond); m.Lock(); s += i; m.Unlock() }(i) }
	w.Wait(); return s }
func main() {
	fmt.Println(Sum(10000))
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) }))
	n := 0
	for i := 0; i < 300; i++ { r, err := http.Get(fmt.Sprintf("http://%s/%d", l.Addr(), i)); if err != nil { fmt.Println(err); return }; b, _ := io.ReadAll(r.Body); r.Body.Close(); n += len(b) }
	out, _ := exec.Command("echo", "child").Output()
	fmt.Printf("%d %s", n, out)
}
END
cat > main_test.go <<'END'
package main
import "testing"
func TestSum(t *testing.T) { if Sum(10) != 45 { t.Fatal() } }
END
go build -o trial . && ./trial; go vet .; go test . | cut -f1,2
