// What every engine must do about second factors, clients that get tokens, and logins at a provider.
#pragma once

#include "model/identity.hpp"
#include "persistence/identity_reader.hpp"
#include "tests/persistence/conformance_people.hpp"

namespace troupe::lives {

template <class... Steps>
change identity_of(const Steps&... steps) {
  change c;
  c.identity = std::make_shared<const identity_change>(identity_change{{steps...}});
  return c;
}
template <class Step>
change mfa_of(const Step& x) {
  return identity_of(mfa_step{x});
}
template <class Step>
change sign_in_of(const Step& x) {
  return identity_of(sign_in_step{x});
}

constexpr time_ms hour_ms = 3'600'000, noon = 100 * hour_ms;

inline factor_proof totp_of(int64_t step, const std::string& secret = "sealed", const std::string& session = {}) {
  return {"u1", "totp", secret, step, {}, session, noon};
}
inline factor_proof backup_of(const std::string& hash) { return {"u1", "backup_codes", {}, 0, hash, {}, noon}; }
inline factor_setup setup_of(const std::string& secret = "sealed", std::vector<std::string> hashes = {"h1", "h2"}) {
  return {{"u1", "totp", secret}, std::move(hashes)};
}

template <class Desk>
void add_user(Desk& d) {
  auto c = user_of("u1", "ann@example.org", "ann");
  c.session = session_row{"s1", "u1", 1, 0, 0};
  c.api_key = api_key_row{"k1", "u1", "hash1", "tr_", "main", 1, 0, 0};
  d.must(c);
}

TEST_CASE_TEMPLATE("a factor counts from its first right code on, and each code once", E, STORE_ENGINES) {
  desk<E> d;
  add_user(d);
  auto view = [&] { return d.r->identity().sign_in().mfa("u1"); };
  d.must(mfa_of(setup_of("first")));
  CHECK_FALSE(view().any());
  CHECK(view().count(backup_method) == 2);
  d.refused(mfa_of(backup_of("h1")), errc::stale);
  d.must(mfa_of(setup_of()));
  d.refused(mfa_of(totp_of(7, "first")), errc::stale);
  d.must(mfa_of(totp_of(7)));
  CHECK(view().any());
  CHECK(view().find(totp_method)->last_step == 7);
  CHECK(view().find(totp_method)->enabled_ms == noon);
  d.refused(mfa_of(totp_of(7)), errc::stale);
  d.refused(mfa_of(totp_of(6)), errc::stale);
  d.must(mfa_of(totp_of(8)));
  d.refused(mfa_of(setup_of("another")), errc::conflict);
  d.refused(mfa_of(totp_of(9, "another")), errc::stale);
  auto stranger = setup_of();
  stranger.row.user_id = "u2";
  d.refused(mfa_of(stranger), errc::not_found);
}

TEST_CASE_TEMPLATE("backup codes are good once and go with the last factor", E, STORE_ENGINES) {
  desk<E> d;
  add_user(d);
  d.refused(mfa_of(backup_codes_put{"u1", {"h9"}}), errc::conflict);
  d.must(mfa_of(setup_of()));
  d.must(mfa_of(totp_of(7)));
  d.must(mfa_of(backup_of("h1")));
  d.refused(mfa_of(backup_of("h1")), errc::stale);
  d.must(mfa_of(backup_codes_put{"u1", {"h3", "h4"}}));
  d.refused(mfa_of(backup_of("h2")), errc::stale);
  CHECK(d.r->identity().sign_in().mfa("u1").count(backup_method) == 2);
  d.must(mfa_of(factor_setup{{"u1", "email", "address"}, {"h5"}}));
  CHECK(d.r->identity().sign_in().mfa("u1").count(backup_method) == 2);
  d.must(mfa_of(factor_drop{"u1", "totp"}));
  CHECK(d.r->identity().sign_in().mfa("u1").codes.empty());
  d.refused(mfa_of(factor_drop{"u1", "totp"}), errc::conflict);
}

TEST_CASE_TEMPLATE("a code that was sent is good once and for ten minutes", E, STORE_ENGINES) {
  desk<E> d;
  add_user(d);
  factor_proof proof{"u1", "email", "address", 0, "e1", {}, noon};
  d.must(identity_of(mfa_step{factor_setup{{"u1", "email", "address"}, {}}},
                     mfa_step{email_code_put{"u1", "e1", noon - emailed_code_ms}}));
  d.refused(mfa_of(proof), errc::stale);
  d.must(mfa_of(email_code_put{"u1", "e1", noon - emailed_code_ms + 1}));
  d.must(mfa_of(proof));
  CHECK(d.r->identity().sign_in().mfa("u1").is_enabled(email_method));
  d.refused(mfa_of(proof), errc::stale);
  d.must(mfa_of(email_code_put{"u1", "e1", noon}));
  d.must(mfa_of(email_code_put{"u1", "e2", noon}));
  d.refused(mfa_of(proof), errc::stale);
}

TEST_CASE_TEMPLATE("after five wrong codes none counts until an hour passed without one", E, STORE_ENGINES) {
  desk<E> d;
  add_user(d);
  d.must(mfa_of(setup_of()));
  for (int i = 0; i < 5; ++i) d.must(mfa_of(factor_wrong{"u1", noon - 4 + i}));
  d.refused(mfa_of(factor_wrong{"u1", noon}), errc::limit_exceeded);
  d.refused(mfa_of(totp_of(7)), errc::limit_exceeded);
  auto later = totp_of(7);
  later.at_ms = noon + hour_ms - 1;
  d.refused(mfa_of(later), errc::limit_exceeded);
  later.at_ms = noon + hour_ms;
  d.must(mfa_of(later));
  d.must(mfa_of(factor_wrong{"u1", noon + hour_ms}));
  CHECK(d.r->identity().sign_in().mfa("u1").wrong == 1);
  d.must(mfa_of(factor_wrong{"u2", noon}));
}

TEST_CASE_TEMPLATE("a session and a key say whether a second factor was shown", E, STORE_ENGINES) {
  desk<E> d;
  add_user(d);
  auto flags = [](const auto& row) { return std::pair{row->mfa, row->mfa_due}; };
  CHECK(flags(d.r->find_session("s1")) == std::pair{false, false});
  d.must(mfa_of(setup_of()));
  CHECK(flags(d.r->find_api_key("hash1")) == std::pair{false, false});
  d.must(mfa_of(totp_of(7)));
  CHECK(flags(d.r->find_session("s1")) == std::pair{false, true});
  CHECK(flags(d.r->find_api_key("hash1")) == std::pair{true, false});
  d.must(mfa_of(totp_of(8, "sealed", "s1")));
  CHECK(flags(d.r->find_session("s1")) == std::pair{true, false});
  d.must(mfa_of(factor_drop{"u1", "totp"}));
  CHECK(flags(d.r->find_session("s1")) == std::pair{false, false});
}

TEST_CASE_TEMPLATE("a client's sessions have its scopes and end with it", E, STORE_ENGINES) {
  desk<E> d;
  add_user(d);
  oauth_client row{"c1", "u1", "robot", "hash", "read write", 5};
  d.must(sign_in_of(client_add{row, 1}));
  row.id = "c2";
  d.refused(sign_in_of(client_add{row, 1}), errc::conflict);
  d.must(sign_in_of(client_add{row, 2}));
  auto open = [&](const std::string& id, time_ms expires_ms) {
    auto c = sign_in_of(client_session{id, "c1", "read", noon});
    c.session = session_row{id, "u1", 1, expires_ms, 0};
    return c;
  };
  d.must(open("s2", noon - 1));
  d.must(open("s3", noon + 1));
  CHECK_FALSE(d.r->find_session("s2"));
  auto found = d.r->find_session("s3");
  REQUIRE(found);
  REQUIRE(found->rules);
  CHECK(found->rules->scopes == std::vector<std::string>{"read"});
  d.must(sign_in_of(client_session_end{"s3", "c2", noon}));
  CHECK(d.r->find_session("s3")->revoked_ms == 0);
  d.refused(sign_in_of(client_end{"c1", "u2", noon}), errc::not_found);
  d.must(sign_in_of(client_end{"c1", "u1", noon}));
  CHECK(d.r->find_session("s3")->revoked_ms == noon);
  CHECK(d.r->find_session("s1")->revoked_ms == 0);
  d.refused(sign_in_of(client_end{"c1", "u1", noon}), errc::not_found);
  d.refused(open("s4", noon + 1), errc::stale);
  CHECK(d.r->identity().sign_in().list_clients("u1").size() == 1);
  CHECK(d.r->identity().sign_in().find_client("c1")->revoked_ms == noon);
}

TEST_CASE_TEMPLATE("a login at a provider comes back once and in time, and an account is one person's", E,
                   STORE_ENGINES) {
  desk<E> d;
  add_user(d);
  auto begin = [](const std::string& hash, time_ms expires_ms, time_ms now_ms = noon) {
    return sign_in_of(oidc_begin{{hash, "sealed", "", expires_ms}, now_ms, 2});
  };
  d.must(begin("a", noon + 1));
  d.must(begin("b", noon + 2));
  d.refused(begin("c", noon + 3), errc::queue_full);
  d.must(sign_in_of(oidc_end{"a", noon}));
  d.refused(sign_in_of(oidc_end{"a", noon}), errc::stale);
  d.refused(sign_in_of(oidc_end{"b", noon + 2}), errc::stale);
  d.must(begin("c", noon + 9, noon + 2));
  CHECK_FALSE(d.r->identity().sign_in().find_oidc_login("b"));
  CHECK(d.r->identity().sign_in().find_oidc_login("c")->kept == "sealed");
  d.must(sign_in_of(oidc_link{"issuer", "sub", "u1", noon}));
  d.refused(sign_in_of(oidc_link{"issuer", "sub", "u2", noon}), errc::conflict);
  d.must(sign_in_of(oidc_link{"other", "sub", "u2", noon}));
  CHECK(d.r->identity().sign_in().oidc_user("issuer", "sub") == "u1");
  CHECK(d.r->identity().sign_in().oidc_user("issuer", "nobody").empty());
}

}  // namespace troupe::lives
