// The columns of the model's structs, each list in the order of the struct's `inspect`.
#pragma once

#include <string>

#include "model/change.hpp"

namespace troupe::sql {

template <class I>
auto inspect(I& f, event_row& x) {
  return f(x.seq, x.user_id, x.job_id, x.kind, x.terminal, x.attempt, x.node_id, x.progress_ppm, x.message,
           x.error_code, x.value, x.currency, x.at_ms);
}
template <class I>
auto inspect(I& f, user_row& x) {
  return f(x.id, x.email, x.username, x.organization, x.password_hash, x.role, x.tier, x.created_ms);
}
template <class I>
auto inspect(I& f, node_row& x) {
  return f(x.id, x.name, x.user_id, x.region, x.state, x.session_epoch, x.instance, x.lease_until_ms, x.slots, x.rate,
           x.gpus, x.labels, x.models, x.registered_ms, x.seen_ms, x.cpu_cores, x.memory_mb, x.disk_mb, x.devices,
           x.metrics, x.trust_ppm, x.reliability_ppm, x.draining, x.gateway, x.drain_until_ms);
}
template <class I>
auto inspect(I& f, account_key& x) {
  return f(x.owner, x.kind, x.currency);
}
template <class I>
auto inspect(I& f, wallet_row& x) {
  return f(x.owner, x.wallet_type, x.solana_address, x.created_ms);
}
template <class I>
auto inspect(I& f, withdrawal_row& x) {
  return f(x.id, x.user_id, x.hold_id, x.to_address, x.source, x.currency, x.value, x.fee, x.state, x.created_ms,
           x.expires_ms, x.changed_ms, x.note);
}
template <class I>
auto inspect(I& f, rental& x) {
  return f(x.id, x.user_id, x.provider_user, x.node_id, x.key_id, x.job_id, x.gpu_model, x.state, x.version, x.currency,
           x.vram_mb, x.total_vram_mb, x.power_w, x.base_rate, x.vram_rate, x.power_rate, x.rate, x.fee_bps,
           x.fee_inclusive, x.hold_id, x.hold, x.charged, x.fee, x.steps, x.max_ms, x.started_ms, x.billed_ms,
           x.ended_ms, x.due_ms, x.gpu_percent, x.vram_percent, x.power_draw_w, x.temperature_c, x.reported_ms,
           x.end_reason);
}
template <class I>
auto inspect(I& f, usage_add& x) {
  return f(x.user_id, x.day, x.key_id, x.model, x.kind, x.currency, x.requests, x.failed, x.tokens_in, x.tokens_out,
           x.ran_ms, x.cost);
}
template <class I>
auto inspect(I& f, spend_limit& x) {
  return f(x.scope, x.period, x.currency, x.limit);
}

template <class I>
auto inspect(I& f, schedule& x) {
  return f(x.id, x.user_id, x.key_id, x.name, x.cron, x.job, x.overlap, x.catch_up, x.enabled, x.version, x.start_ms,
           x.end_ms, x.next_ms, x.last_ms, x.last_job_id, x.last_error, x.created_ms, x.changed_ms);
}
template <class I>
auto inspect(I& f, firing& x) {
  return f(x.schedule_id, x.fire_ms, x.at_ms, x.job_id, x.error);
}

inline const std::string schedule_columns =
    "id,user_id,key_id,name,cron,job,overlap,catch_up,enabled,version,start_ms,end_ms,next_ms,last_ms,last_job_id,"
    "last_error,created_ms,changed_ms";
inline const std::string firing_columns = "schedule_id,fire_ms,at_ms,job_id,error";
inline const std::string wallet_columns = "owner,wallet_type,solana_address,created_ms";
inline const std::string withdrawal_columns =
    "id,user_id,hold_id,to_address,source,asset,amount,fee,state,created_ms,expires_ms,changed_ms,note";
inline const std::string rental_columns =
    "id,user_id,provider_user,node_id,key_id,job_id,gpu_model,state,version,asset,vram_mb,total_vram_mb,power_w,"
    "base_rate,vram_rate,power_rate,rate,fee_bps,fee_inclusive,hold_id,hold,charged,fee,steps,max_ms,started_ms,"
    "billed_ms,ended_ms,due_ms,gpu_percent,vram_percent,power_draw_w,temperature_c,reported_ms,end_reason";
inline const std::string usage_columns =
    "user_id,day,key_id,model,kind,asset,requests,failed,tokens_in,tokens_out,ran_ms,cost";
inline const std::string job_columns =
    "id,user_id,state,version,lease_epoch,attempts,deliveries,max_attempts,priority,currency,pricing,price_in,"
    "price_out,min_tokens,fee_bps,hold_id,hold,cost,timeout_ms,node_id,node_session,provider_user,node_rate,"
    "created_ms,run_at_ms,leased_ms,started_ms,finished_ms,progress_ppm,error_code,error_message,price_cached,fee_"
    "inclusive,key_id,devices,rare,expires_ms,retry_base_ms,retry_max_ms";
inline const std::string demand_columns =
    "gpu_type,gpu_count,vram_mb,region,model,labels,rate_max,cpu_cores,memory_mb,disk_mb,exclusive,spread,min_trust_"
    "ppm";
inline const std::string spec_columns = "kind,name,description,params," + demand_columns + ",tags,limit_ms,parents";
inline const std::string report_columns =
    "outcome,ran_ms,exit_code,stdout_text,stderr_text,stdout_truncated,stderr_truncated,text,finish_reason,"
    "prompt_tokens,completion_tokens,artifacts,error_code,error_message,cached_tokens";
inline const std::string event_columns =
    "seq,user_id,job_id,kind,terminal,attempt,node_id,progress_ppm,message,error_code,value,currency,at_ms";
inline const std::string user_columns = "id,email,username,organization,password_hash,role,tier,created_ms";
inline const std::string node_columns =
    "id,name,user_id,region,state,session_epoch,instance,lease_until_ms,slots,rate,gpus,labels,models,registered_ms,"
    "seen_ms,cpu_cores,memory_mb,disk_mb,devices,metrics,trust_ppm,reliability_ppm,draining,gateway,drain_until_ms";

}  // namespace troupe::sql
