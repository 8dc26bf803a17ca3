#@ Packages: cargo rustc
#@ Does: builds, tests and runs a crate with threads and sockets, offline
export CARGO_HOME=$HOME/cargo CARGO_NET_OFFLINE=true
cargo init -q --vcs none --name trial .
cat > src/main.rs <<'END'
use std::{io::{Read, Write}, net::{TcpListener, TcpStream}, sync::mpsc, thread, collections::HashMap};
fn fib(n: u64) -> u64 { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }
fn main() {
    let (tx, rx) = mpsc::channel();
    for i in 0..8 { let tx = tx.clone(); thread::spawn(move || tx.send((i, fib(20 + i))).unwrap()); }
    drop(tx);
    let m: HashMap<_, _> = rx.iter().collect();
    println!("{}", m.values().sum::<u64>());
    let l = TcpListener::bind("127.0.0.1:0").unwrap(); let a = l.local_addr().unwrap();
    let t = thread::spawn(move || { let (mut s, _) = l.accept().unwrap(); let mut v = Vec::new(); s.read_to_end(&mut v).unwrap(); v.len() });
    TcpStream::connect(a).unwrap().write_all(&vec![7; 1000000]).unwrap();
    println!("{}", t.join().unwrap());
    println!("{:?}", std::panic::catch_unwind(|| { let v: Vec<u8> = vec![]; v[3] }).is_err());
}
#[test] fn works() { assert_eq!(fib(10), 55); }
#[test] #[should_panic] fn fails() { panic!(); }
END
cargo build -q 2>&1; ./target/debug/trial 2> /dev/null; cargo test -q 2>&1 | grep -E 'test result' | sed 's/finished.*//'; cargo build -q --release; ./target/release/trial 2> /dev/null
