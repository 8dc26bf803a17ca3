#@ Packages: nodejs
#@ Does: worker threads, child processes, HTTP, streams, watches, WebAssembly
cat > p.mjs <<'END'
import { Worker } from "node:worker_threads"; import { spawn, fork, execFileSync } from "node:child_process"; import http from "node:http"; import fs from "node:fs"; import { once } from "node:events"; import { pipeline } from "node:stream/promises"; import zlib from "node:zlib"; import crypto from "node:crypto"; import cluster from "node:cluster";
const ws = Array.from({ length: 4 }, (_, i) => new Worker(`const w = require('worker_threads'); let s = 0; for (let i = 0; i < 3e6; i++) s += i % ${i + 3}; w.parentPort.postMessage(s)`, { eval: true }));
console.log(await Promise.all(ws.map(async (w) => (await once(w, "message"))[0])));
const server = http.createServer((q, r) => { let n = 0; q.on("data", (b) => { n += b.length; }).on("end", () => r.end(q.url + n)); }).listen(0, "127.0.0.1"); await once(server, "listening");
const base = `http://127.0.0.1:${server.address().port}`; let n = 0;
for (let i = 0; i < 20; i++) n += (await Promise.all(Array.from({ length: 20 }, async (_, k) => (await (await fetch(`${base}/${i}-${k}`, { method: "POST", body: "x".repeat(10000) })).text()).length))).reduce((a, b) => a + b);
console.log(n); server.close(); server.closeAllConnections();
fs.writeFileSync("a", crypto.createHash("sha256").update("seed").digest("hex").repeat(20000));
await pipeline(fs.createReadStream("a"), zlib.createGzip(), zlib.createGunzip(), fs.createWriteStream("b")); console.log(fs.readFileSync("a").equals(fs.readFileSync("b")));
const c = spawn("sh", ["-c", "read x; echo got $x; kill -TERM $$"]); c.stdin.end("line\n"); let t = ""; c.stdout.on("data", (d) => { t += d; }); console.log(await once(c, "close"), t);
console.log(execFileSync("tr", ["a-z", "A-Z"], { input: "sync" }).toString());
const wasm = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from([0,97,115,109,1,0,0,0,1,7,1,96,2,127,127,1,127,3,2,1,0,7,7,1,3,97,100,100,0,0,10,9,1,7,0,32,0,32,1,106,11]))); console.log(wasm.exports.add(40, 2));
fs.mkdirSync("w"); const seen = new Promise((done) => { const w = fs.watch("w", (k, name) => { w.close(); done(name); }); }); fs.writeFileSync("w/f", "x"); console.log(await seen);
END
node p.mjs
echo 'process.on("message", (m) => { process.send(m * 2); process.disconnect(); })' > child.cjs
node -e 'const c = require("child_process").fork("./child.cjs"); c.on("message", console.log); c.send(21); c.on("exit", (x) => console.log("exit", x))'
