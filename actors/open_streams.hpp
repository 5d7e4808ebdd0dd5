// The WebSockets that are open at this gateway, by who opened them: when a credential ends, so do they.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace troupe {

/// Thread-safe. Costs nothing while nobody's credential changes.
class open_streams {
public:
  /// `look` is called, from an actor's thread, whenever something about the credential or its user has changed.
  int64_t add(std::string user_id, std::string credential, std::function<void()> look) {
    std::lock_guard lock{guard_};
    streams_.emplace(++newest_, stream{std::move(user_id), std::move(credential), std::move(look)});
    return newest_;
  }
  void remove(int64_t id) {
    std::function<void()> last;  // what it holds is dropped outside the lock
    std::lock_guard lock{guard_};
    auto found = streams_.find(id);
    if (found == streams_.end()) return;
    last.swap(found->second.look);
    streams_.erase(found);
  }
  void look_at_user(const std::string& user_id) {
    look_at([&](const stream& x) { return x.user_id == user_id; });
  }
  void look_at_credential(const std::string& credential) {
    look_at([&](const stream& x) { return x.credential == credential; });
  }

private:
  struct stream {
    std::string user_id, credential;
    std::function<void()> look;
  };
  template <class Wanted>
  void look_at(Wanted wanted) {
    std::vector<std::function<void()>> found;
    {
      std::lock_guard lock{guard_};
      for (auto& [id, x] : streams_)
        if (wanted(x)) found.push_back(x.look);
    }
    for (auto& look : found) look();
  }

  std::mutex guard_;
  std::map<int64_t, stream> streams_;
  int64_t newest_ = 0;
};

}  // namespace troupe
