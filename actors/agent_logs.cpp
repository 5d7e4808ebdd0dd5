// What attempts write, on its way to a gateway: gathered for a tenth of a second, repeated until it is stored.
#include "actors/agent_state.hpp"

namespace troupe {

/// One message for all that gathered in a tenth of a second, or for much of it.
void send_gathered_logs(agent_pointer self) {
  auto& s = self->state;
  if (!s.gateway) return;
  auto list = s.logs.take();
  if (list.empty()) return;
  s.logs_sent_ms = s.steady();
  self->send(s.gateway, send_logs{s.session, std::move(list)});
}

void on_output(agent_pointer self, attempt_output& x) {
  auto& s = self->state;
  s.logs.add(std::move(x));
  if (s.logs.unsent_bytes() >= limits::log_batch_bytes && !s.logs.waits()) return send_gathered_logs(self);
  if (std::exchange(s.logs_soon, true)) return;
  self->delayed_send(self, std::chrono::milliseconds{limits::log_interval_ms}, rung{});
}

void on_stored(agent_pointer self, const logs_stored& x) {
  auto& s = self->state;
  for (auto& m : x.marks) s.logs.stored(m);
  for (auto& l : x.refused) s.logs.refused(l);
  leave_if_drained(self);
  send_gathered_logs(self);
}

void repeat_logs(agent_pointer self) {
  auto& s = self->state;
  if (s.logs.empty() || s.steady() - s.logs_sent_ms < limits::log_resend_ms) return;
  s.logs.again();
  send_gathered_logs(self);
}

}  // namespace troupe
