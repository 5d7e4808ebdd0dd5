// Rows about nodes and who brings them, and what these files share.
#pragma once

#include "actors/fleet_reads.hpp"
#include "http/node_json.hpp"
#include "http/routes.hpp"

namespace troupe {

// add_fleet_routes adds these.
void add_node_routes(std::vector<route>&);
void add_provider_routes(std::vector<route>&);
void add_node_key_routes(std::vector<route>&);
void add_fog_routes(std::vector<route>&);

/// All nodes, or those of one user.
std::vector<node_view> read_nodes(store_reader&, const std::string& user_id);

/// The node that the path names in {id}: its owner's and the admins', for others it is not there (404).
void with_node(const call_ptr&, std::function<void(const node_view&)> next);
/// The same for a provider, by its own id or its user's.
void with_provider(const call_ptr&, std::function<void(const provider_row&)> next);

/// Commits, with a line in the audit trail when the route has a name there, and goes on; or refuses the call.
void commit_change(const call_ptr&, change, std::function<void()> next);

// What a node's owner does, also under the names of others.
void update_node(const call_ptr&);
void remove_node(const call_ptr&);
void show_node(const call_ptr&);

struct key_wish {
  std::string user_id, name;
  time_ms ends_ms = 0;
  json more = json::object();           // also in the answer
  std::optional<node_key_row> instead;  // of this one, which ends as it says, with the same commit
};
/// A key that lets nodes join in the name of a user; told once.
void give_node_key(const call_ptr&, key_wish);

}  // namespace troupe
