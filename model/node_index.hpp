// The nodes that are here, what of them is given away, and the best of them for a demand without looking at all.
// Pure and single-threaded. Nothing is ever given twice: what a booking takes is counted off at once.
//
// Which one is the best, by this order:
//   GPU     the device with the least VRAM left over. An idle device is opened only when no device in use has room,
//           or when the job fills three quarters of it; the smallest first. `spread`: idle devices first, then those
//           with the most room.
//   then    the price, the reliability in steps of 5 %, where the tenant's last job was, and the load.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>

#include "model/market.hpp"
#include "model/node_fit.hpp"

namespace troupe {

struct choice {
  booked_node* at = nullptr;  // null: no node fits now
  std::vector<gpu_share> devices;
};

class node_index {
public:
  /// REQUIRES: no node of that id is here.
  booked_node& put(node_offer);
  /// The devices and what is booked stay as they are.
  void change(booked_node&, node_offer);
  void remove(const std::string& id);
  template <class F>
  void each(F f) const {
    for (auto& [id, n] : nodes_) f(*n);
  }
  booked_node* find(const std::string& id);
  const booked_node* find(const std::string& id) const;
  booked_node* find(uint64_t number);

  /// `avoid`: ids of nodes that are taken only when no other node could ever serve. `last`: where the tenant was.
  choice best(const demand&, const std::vector<std::string>& avoid, const std::string& last);
  /// The best of these, by number.
  choice best_of(const std::set<uint64_t>& numbers, const demand&, const std::string& last);

  void book(booked_node&, const std::string& job_id, booking);
  /// False when it is not booked here.
  bool release(booked_node&, const std::string& job_id, booking& was);
  /// What a job that runs here already has: what the store says of its devices, as far as it is there and free.
  static booking booking_of(const booked_node&, const std::string& user_id, const demand&, const std::string& devices);

  /// Every device, node by node, nodes in order of id.
  std::vector<device_view> devices() const;
  int32_t free_slots() const;
  size_t size() const { return nodes_.size(); }

private:
  /// A device with room; those of one shelf in order.
  struct spot {
    int64_t free_mb = 0;
    amount rate = 0;
    int32_t doubt = 0;
    uint64_t number = 0;
    int32_t device = 0;
    booked_node* at = nullptr;
    auto operator<=>(const spot&) const = default;
  };
  /// The devices of one model on nodes that have so many of them.
  struct shelf {
    std::set<spot> idle, used;
  };
  /// A node with a free slot.
  struct seat {
    amount rate = 0;
    int32_t doubt = 0, load = 0;
    uint64_t number = 0;
    booked_node* at = nullptr;
    auto operator<=>(const seat&) const = default;
  };
  using nodes_by_number = std::map<uint64_t, booked_node*>;
  struct search;

  static seat seat_of(booked_node&);
  void shelve(booked_node&, size_t device, bool add);
  void list(booked_node&);
  void unlist(booked_node&);
  void post(booked_node&, bool add);
  void move(booked_node&, const std::vector<gpu_share>& touched, const std::function<void()>& edit);
  bool rarest(const demand&, const nodes_by_number*& found) const;
  void look_on_shelves(search&, const demand&) const;
  void look_at_seats(search&, const demand&) const;
  bool could_serve_elsewhere(const demand&, const std::vector<std::string>& avoid) const;

  std::unordered_map<std::string, std::unique_ptr<booked_node>> nodes_;
  std::map<std::pair<std::string, int32_t>, shelf> shelves_;  // by model and number of such devices on the node
  std::set<seat> seats_;
  std::unordered_map<uint64_t, booked_node*> numbered_;
  std::unordered_map<std::string, nodes_by_number> posted_;  // by region, label and served model
  uint64_t next_number_ = 1;
};

}  // namespace troupe
