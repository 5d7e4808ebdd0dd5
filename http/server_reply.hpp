// The head of a reply as bytes.
#pragma once

#include "http/server.hpp"

namespace troupe {

struct reply_frame {
  std::string_view request_id;
  bool http_1_0 = false;
  bool keep_alive = true;
  bool secure = false;          // the client came over TLS
  std::string_view lines = {};  // more header lines, each with its CR LF
};

/// Appends status line, headers and the empty line. What would break the framing in a header value is left out.
void write_head(std::string& out, const http_reply&, const reply_frame&);

/// 32 hexadecimal digits nobody used before.
std::string make_request_id();

/// Up to 128 of letters, digits, '.', '_' and '-'.
bool good_request_id(std::string_view);

}  // namespace troupe
