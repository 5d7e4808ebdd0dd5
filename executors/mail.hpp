// One e-mail through the operator's mail server.
#pragma once

#include <cstdint>
#include <string>

namespace troupe {

struct mail_server {
  std::string url;             // smtp://HOST:PORT, smtps://...
  std::string user, password;  // empty: none
  int64_t timeout_ms = 10'000;
};

struct mail {
  std::string from, to;  // REQUIRES: bare addresses, no line breaks
  std::string subject, text;
  int64_t at_ms = 0;
};

/// Blocks for `timeout_ms` at most. Why it was not accepted; empty: it was. A server that offers STARTTLS gets it.
std::string send_mail(const mail_server&, const mail&);

}  // namespace troupe
