// The accounts of `--dev`: a demo user with money, an admin, a key for nodes; written to DATA_DIR/dev.json.
#pragma once

#include <string>

#include "actors/house.hpp"

namespace troupe {

struct dev_account {
  std::string user_id, email, password, api_key;
  std::string admin_id, admin_email, admin_password, admin_api_key;
  std::string node_key;
};

/// Makes the accounts, or takes up those of an earlier start. Blocks; to be called once at the start.
/// Throws std::runtime_error when the store does not answer.
dev_account open_dev_account(house&);

/// Writes the file whole or not at all, mode 0600.
void write_dev_file(const std::string& data_dir, const dev_account&, const std::string& base_url,
                    const std::string& cluster_address);

/// Stores a key that lets nodes join for `user_id`. Blocks.
void store_node_key(house&, const std::string& secret, const std::string& user_id, const std::string& name);

}  // namespace troupe
