// A Go program that calls often while its goroutines are preempted: loops without calls, which the runtime interrupts
// by SIGURG, beside ones that read, write, sleep and collect garbage. Prints what went wrong: nothing.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var over atomic.Bool
var sink [4]uint64

func spin(n int) {
	for i := uint64(0); ; i++ {
		sink[n] = sink[n]*31 + i
		if i%(1<<22) == 0 && over.Load() {
			return
		}
	}
}

func exchange(n int, calls int) (wrong int) {
	ends := make([]int, 2)
	if syscall.Pipe(ends) != nil {
		return calls
	}
	parent := os.Getppid()
	for i := 0; i < calls; i++ {
		sent, got := []byte{byte(i), byte(n)}, make([]byte, 2)
		if w, err := syscall.Write(ends[1], sent); w != 2 || err != nil {
			wrong++
		}
		if r, err := syscall.Read(ends[0], got); r != 2 || err != nil || got[0] != byte(i) || got[1] != byte(n) {
			wrong++
		}
		if syscall.Getppid() != parent {
			wrong++
		}
		if err := syscall.Close(-1); err != syscall.EBADF {
			wrong++
		}
		if i%500 == 0 {
			time.Sleep(50 * time.Microsecond)
			runtime.GC()
		}
	}
	return wrong
}

func main() {
	runtime.GOMAXPROCS(4)
	var spinning, exchanging sync.WaitGroup
	for n := 0; n < 2; n++ {
		spinning.Add(1)
		go func() { defer spinning.Done(); spin(n) }()
	}
	results := make([]int, 3)
	for n := range results {
		exchanging.Add(1)
		go func() { defer exchanging.Done(); results[n] = exchange(n, 3000) }()
	}
	exchanging.Wait()
	over.Store(true)
	spinning.Wait()
	fmt.Println("wrong:", results)
	if len(os.Args) > 1 {
		os.Stdin.Read(make([]byte, 1))
	}
}
