// work.mjs PEER ADDRESS CONCURRENCY: works until it is ended; tells how many jobs are over, and the times, in
// milliseconds of the wall clock, of the first job's start and of the last job's end.
import { peers } from "./peers.mjs";

const [peer, address, concurrency] = process.argv.slice(2);
const now = () => performance.timeOrigin + performance.now();
let first = null, last = null, done = 0, told = 0;

await peers[peer](address).work(Number(concurrency), () => { first ??= now(); }, () => { done += 1; last = now(); });
setInterval(() => {
  if (told === done) return;
  told = done;
  console.log(JSON.stringify({ done, first, last }));
}, 20);
