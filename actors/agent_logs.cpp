// What attempts write, on its way to a gateway: gathered for a tenth of a second, repeated until it is stored.
#include "actors/agent_state.hpp"

namespace troupe {

namespace {

void send_logs_soon(agent_pointer self, int pause_ms) {
  if (std::exchange(self->state.logs_soon, true)) return;
  self->delayed_send(self, std::chrono::milliseconds{pause_ms}, rung{});
}

}  // namespace

/// One message for all that gathered in a tenth of a second, or for much of it.
void send_gathered_logs(agent_pointer self) {
  auto& s = self->state;
  if (!s.gateway) return;
  auto list = s.logs.take();
  if (list.empty()) return;
  s.logs_sent_ms = s.steady();
  self->send(s.gateway, send_logs{s.session, ++s.logs_batch, std::move(list)});
}

void on_output(agent_pointer self, attempt_output& x) {
  auto& s = self->state;
  s.logs.add(std::move(x));
  if (s.logs.unsent_bytes() >= limits::log_batch_bytes && !s.logs.waits()) return send_gathered_logs(self);
  send_logs_soon(self, limits::log_interval_ms);
}

/// The answer to a batch that was repeated meanwhile says what is stored, but not what is under way.
void on_stored(agent_pointer self, const logs_stored& x) {
  auto& s = self->state;
  for (auto& m : x.marks) s.logs.stored(m);
  for (auto& r : x.refused) s.logs.refused(r);
  leave_if_drained(self);
  if (x.batch != s.logs_batch) return;
  if (s.logs.again()) return send_gathered_logs(self);
  send_logs_soon(self, limits::log_again_ms);
}

void repeat_logs(agent_pointer self) {
  auto& s = self->state;
  if (s.logs.empty() || s.steady() - s.logs_sent_ms < limits::log_resend_ms) return;
  s.logs.again();
  send_gathered_logs(self);
}

}  // namespace troupe
