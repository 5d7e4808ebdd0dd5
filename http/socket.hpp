// A connection that has become a WebSocket: text frames in, a bounded queue of text frames out.
#pragma once

#include "http/line.hpp"

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>

namespace troupe {

using handshake_request = boost::beast::http::request<boost::beast::http::empty_body>;

/// Completes the handshake, calls `opened` once it stands, and serves the socket until it ends. On the strand.
void open_socket(std::shared_ptr<server_core>, line, handshake_request, std::string request_id,
                 std::function<socket_events(std::shared_ptr<web_socket>)> opened);

}  // namespace troupe
