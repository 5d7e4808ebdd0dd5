// Each row says who may: open, user, provider or admin.
#include "http/route_table.hpp"

#include "http/routes.hpp"

namespace troupe {

namespace {

std::string_view word_of(access x) {
  switch (x) {
    case access::undecided: break;
    case access::open: return "open";
    case access::user: return "user";
    case access::provider: return "provider";
    case access::admin: return "admin";
  }
  return "undecided";
}

}  // namespace

std::string routes_text() {
  auto rows = json::array();
  for (auto& r : routes()) {
    auto scope = r.needs == access::open ? "" : !r.scope.empty() ? r.scope : r.verb == "GET" ? "read" : "write";
    rows.push_back({{"verb", r.verb},
                    {"path", r.path},
                    {"needs", word_of(r.needs)},
                    {"scope", scope},
                    {"act", r.act},
                    {"doc", r.doc}});
  }
  return rows.dump(1);
}

}  // namespace troupe
