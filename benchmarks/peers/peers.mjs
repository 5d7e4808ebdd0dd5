// The other queues behind two verbs each: put N no-op jobs in, and work at them. Every one of them at the setting that
// its own documentation recommends for many short jobs, and durable.
import { Queue, Worker } from "bullmq";
import { Logger, makeWorkerUtils, run } from "graphile-worker";

const NAME = "noop";
const onlyErrors = new Logger(() => (level, message) => { if (level === "error") console.error(message); });

function bullmq(address) {
  const connection = { path: address, maxRetriesPerRequest: null };
  return {
    async producer() {
      const queue = new Queue("jobs", { connection });
      await queue.waitUntilReady();
      return {
        put: (from, count) =>
          queue.addBulk(
            Array.from({ length: count }, (_, i) => (
              { name: NAME, data: { i: from + i }, opts: { removeOnComplete: true } })),
          ),
        left: async () => {
          const all = await queue.getJobCounts();
          return Object.values(all).reduce((a, b) => a + b, 0);
        },
      };
    },
    async work(concurrency, began, ended) {
      const worker = new Worker("jobs", async () => began(), { connection, concurrency });
      worker.on("completed", ended); // told after redis has answered, which is after its fsync
      worker.on("error", (e) => { throw e; });
      await worker.waitUntilReady();
    },
  };
}

function graphile(connectionString, batched) {
  return {
    async producer() {
      const utils = await makeWorkerUtils({ connectionString });
      await utils.migrate();
      return {
        put: (from, count) =>
          utils.addJobs(Array.from({ length: count }, (_, i) => ({ identifier: NAME, payload: { i: from + i } }))),
        left: () =>
          utils.withPgClient(async (pg) => {
            const counted = await pg.query("select count(*) from graphile_worker.jobs");
            return Number(counted.rows[0].count);
          }),
      };
    },
    async work(concurrency, began, ended) {
      const fast = batched ? { localQueue: { size: 10 * concurrency }, completeJobBatchDelay: 0 } : {};
      const runner = await run({
        preset: {
          worker: {
            connectionString, concurrentJobs: concurrency, maxPoolSize: concurrency + 2, pollInterval: 100,
            logger: onlyErrors, ...fast,
          },
        },
        noHandleSignals: true,
        taskList: { [NAME]: async () => began() },
      });
      runner.events.on("job:complete", ended);
    },
  };
}

export const peers = {
  bullmq,
  graphile: (address) => graphile(address, true),
  graphile_plain: (address) => graphile(address, false),
};
