// put.mjs PEER ADDRESS JOBS BATCH: puts the jobs in, batch by batch, two at a time; prints the milliseconds it took.
// put.mjs PEER ADDRESS: prints how many jobs are left.
import { peers } from "./peers.mjs";

const [peer, address, jobs, batch] = process.argv.slice(2);
const producer = await peers[peer](address).producer();
if (jobs === undefined) {
  console.log(JSON.stringify({ left: await producer.left() }));
  process.exit(0);
}
let next = 0;
async function put() {
  while (next < jobs) {
    const from = next;
    next += Number(batch);
    await producer.put(from, Math.min(batch, jobs - from));
  }
}
const began = performance.now();
await Promise.all([put(), put()]);
console.log(JSON.stringify({ ms: performance.now() - began, left: await producer.left() }));
process.exit(0);
