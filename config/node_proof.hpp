// How a node shows that it has a key without showing the key: what crosses the wire is worth nothing a second time,
// and what the store keeps is not enough to join.
#pragma once

#include <string>
#include <string_view>

#include "model/change.hpp"

namespace troupe {

/// What a key is looked up by; it follows from the key and tells nothing about it.
std::string node_key_id(std::string_view secret);

/// A provider's node of this name is always this node.
std::string node_id_of(const std::string& user_id, const std::string& name);

/// The row that lets nodes with this key join in the name of `user_id`.
node_key_row make_node_key(std::string_view secret, const std::string& user_id, const std::string& name,
                           time_ms now_ms);

/// Proof that the one who says `text` has the key; another text needs another proof.
std::string prove_node_key(std::string_view secret, std::string_view text);
bool is_proof(std::string_view verifier, std::string_view text, std::string_view proof);

}  // namespace troupe
