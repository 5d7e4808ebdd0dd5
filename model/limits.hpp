// Every number that bounds something and is not a matter of configuration.
#pragma once

#include <cstddef>
#include <cstdint>

namespace troupe::limits {

// edge
inline constexpr size_t header_bytes_max = 16 * 1024;
inline constexpr size_t body_bytes_max = 1024 * 1024;
inline constexpr size_t batch_body_bytes_max = 16 * 1024 * 1024;
inline constexpr size_t target_bytes_max = 4096;
inline constexpr int header_ms = 10'000;
inline constexpr int body_ms = 30'000;
inline constexpr int idle_ms = 60'000;
inline constexpr size_t batch_jobs_max = 1000;
inline constexpr int page_rows_max = 1000;
inline constexpr size_t idempotency_key_bytes_max = 256;

// jobs
inline constexpr size_t job_name_bytes_max = 256;
inline constexpr size_t description_bytes_max = 4096;
inline constexpr size_t script_bytes_max = 768 * 1024;
inline constexpr int64_t timeout_ms_max = 24LL * 3600 * 1000;
inline constexpr int64_t timeout_ms_default = 3600LL * 1000;
inline constexpr int64_t output_bytes_default = 1024 * 1024;
inline constexpr int64_t output_bytes_max = 8 * 1024 * 1024;
inline constexpr int attempts_max = 20;
inline constexpr int64_t retry_base_ms = 1'000;
inline constexpr int64_t retry_max_ms = 60'000;
inline constexpr int64_t retry_base_seconds_max = 3'600;
inline constexpr int64_t retry_max_seconds_max = 24 * 3'600;
inline constexpr int64_t wait_seconds_max = 366LL * 24 * 3'600;  // delay, time in the queue
inline constexpr int parents_max = 64;
inline constexpr size_t redrives_max = 256;  // in one request
inline constexpr int schedules_max = 1'000;  // of one user
inline constexpr int deliveries_max = 5;     // leased so often without a start: a poison job
inline constexpr int poison_nodes = 3;       // lost while running on so many different nodes: a poison job
inline constexpr int64_t hold_window_ms_min = 10'000;
inline constexpr int64_t extend_ahead_ms = 5'000;  // the hold grows when it lasts no longer than this
inline constexpr int64_t stall_ms_min = 1'000;
inline constexpr int64_t checkpoint_piece_bytes = 256 * 1024;
inline constexpr int checkpoint_pieces_max = 1024;
inline constexpr int64_t checkpoint_grace_ms_default = 10'000;
inline constexpr int64_t checkpoint_grace_ms_max = 60'000;
inline constexpr int tags_max = 32;
inline constexpr int labels_max = 32;
inline constexpr int priority_max = 9;
inline constexpr int gpu_count_max = 64;
inline constexpr int cpu_cores_max = 65'536;
inline constexpr int64_t memory_mb_max = 256LL * 1024 * 1024;
inline constexpr int64_t disk_mb_max = 1024LL * 1024 * 1024;

// actors
inline constexpr int request_ms = 5'000;
inline constexpr int store_ms = 4'000;           // shorter than a request
inline constexpr size_t commit_batch_max = 512;  // changes in one group commit
inline constexpr size_t events_page = 256;
inline constexpr size_t ready_max = 200'000;  // queued jobs held in memory; the rest wait in the store
inline constexpr int beat_interval_ms = 3'000;
inline constexpr int lease_ttl_ms = 10'000;
inline constexpr int lost_grace_ms = 2'000;      // after a closed socket
inline constexpr int gateway_ttl_ms = 8'000;     // a gateway whose beat stands still so long is dead
inline constexpr int gateway_broken_ms = 3'000;  // when its connection broke, too
inline constexpr int cancel_grace_ms = 10'000;
inline constexpr int report_lost_ms = 10'000;  // a granted job that no beat names is lost
inline constexpr int log_interval_ms = 100;
inline constexpr int64_t log_streams_max = 1'100;  // of an attempt: the artifacts, stdout, stderr
inline constexpr size_t log_name_bytes_max = 4'200;
inline constexpr size_t log_batch_bytes = 64 * 1024;
inline constexpr size_t log_piece_bytes_max = 256 * 1024;
inline constexpr size_t log_flight_bytes_max = 1024 * 1024;  // sent and not acknowledged
inline constexpr int log_resend_ms = 5'000;                  // unanswered so long
inline constexpr int log_again_ms = 1'000;                   // what the store did not take
inline constexpr int64_t log_read_bytes_max = 1024 * 1024;
inline constexpr int follow_ms = 20'000;
inline constexpr int progress_interval_ms = 100;
inline constexpr int order_again_ms = 5'000;  // leased so long without a start

}  // namespace troupe::limits
