// The part of a change about who may bring nodes, and what was set of them.
#pragma once

#include "model/change.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

class fleet_book {
public:
  explicit fleet_book(connection&);

  /// Reads only. False: `r` says why not.
  bool check(const change&, change_result& r);
  /// REQUIRES: `check` of the same change was true.
  void write(const change&);

private:
  bool check_key(const node_key_row&, change_result&);
  bool check_terms(const node_terms&, change_result&);
  bool check_provider(const provider_write&, change_result&);
  void write_terms(const node_terms&);
  void write_provider(const provider_write&);

  statement find_key_, insert_key_, end_key_;
  statement find_node_, any_record_, set_rate_, set_labels_, set_maintenance_, set_attestation_, set_tpm_, set_tee_;
  statement set_boot_, reinstate_, touch_, show_rate_, show_labels_, remove_node_;
  statement find_provider_, put_provider_, remove_provider_, end_keys_, raise_role_, lower_role_;
  statement any_records_, set_maintenance_of_all_;
};

}  // namespace troupe::sql
