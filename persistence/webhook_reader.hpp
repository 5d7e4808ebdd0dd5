// What is asked about webhooks.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/webhook.hpp"

namespace troupe {

/// One that may have something to be told.
struct due_webhook {
  std::string id, user_id;
};

class webhook_reader {
public:
  virtual ~webhook_reader() = default;
  virtual std::optional<webhook> find(const std::string& id) = 0;
  virtual std::vector<webhook> list(const std::string& user_id) = 0;            // in order of creation
  virtual std::vector<webhook_delivery> deliveries(const std::string& id) = 0;  // newest first
  /// Active ones whose user has events behind their place and is not suspended, and that do not wait for a time to
  /// come; in order of id, ids above `after_id`.
  virtual std::vector<due_webhook> due(time_ms now_ms, const std::string& after_id, int32_t limit) = 0;
};

namespace sql {
class connection;

/// REQUIRES: the connection lives longer.
std::unique_ptr<webhook_reader> open_webhooks(connection&);
}  // namespace sql

}  // namespace troupe
