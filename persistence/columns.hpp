// The columns of the model's structs, each list in the order of the struct's `inspect`.
#pragma once

#include <string>

#include "model/change.hpp"

namespace troupe::sqlite {

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
           x.gpus, x.labels, x.models, x.registered_ms, x.seen_ms);
}
template <class I>
auto inspect(I& f, account_key& x) {
  return f(x.owner, x.kind, x.currency);
}

inline const std::string job_columns =
    "id,user_id,state,version,lease_epoch,attempts,deliveries,max_attempts,priority,currency,pricing,price_in,"
    "price_out,min_tokens,fee_bps,hold_id,hold,cost,timeout_ms,node_id,node_session,provider_user,node_rate,"
    "created_ms,run_at_ms,leased_ms,started_ms,finished_ms,progress_ppm,error_code,error_message";
inline const std::string demand_columns = "gpu_type,gpu_count,vram_mb,region,model,labels,rate_max";
inline const std::string spec_columns = "kind,name,description,params," + demand_columns + ",tags,limit_ms";
inline const std::string report_columns =
    "outcome,ran_ms,exit_code,stdout_text,stderr_text,stdout_truncated,stderr_truncated,text,finish_reason,"
    "prompt_tokens,completion_tokens,artifacts,error_code,error_message";
inline const std::string event_columns =
    "seq,user_id,job_id,kind,terminal,attempt,node_id,progress_ppm,message,error_code,value,currency,at_ms";
inline const std::string user_columns = "id,email,username,organization,password_hash,role,tier,created_ms";
inline const std::string node_columns =
    "id,name,user_id,region,state,session_epoch,instance,lease_until_ms,slots,rate,gpus,labels,models,registered_ms,"
    "seen_ms";

}  // namespace troupe::sqlite
