// OAuth2 for programs: clients that a user makes, and the client-credentials grant. RFC 6749 section 4.4, RFC 7009.
#include <algorithm>

#include "config/text.hpp"
#include "http/jwt.hpp"
#include "http/money_post.hpp"
#include "http/sign_in.hpp"
#include "http/signing.hpp"
#include "http/token_keys.hpp"

namespace troupe {

namespace {

constexpr int32_t clients_max = 100;  // of one user
constexpr size_t value_bytes_max = 1024, name_bytes_max = 128;
const std::vector<std::string> all_scopes{"read", "write", "admin"};

using form = std::map<std::string, std::string, std::less<>>;

/// An error as RFC 6749 section 5.2 has it.
struct oauth_error {
  std::string_view word;
  std::string about;
  bool basic = false;  // the client tried `Authorization: Basic`
};

void refuse(const call_ptr& c, const oauth_error& why) {
  auto status = why.word == "invalid_client" ? 401 : 400;
  auto reply = json_reply(status, {{"error", why.word}, {"error_description", why.about}});
  if (status == 401) reply.headers.emplace_back("WWW-Authenticate", "Basic realm=\"troupe\"");
  reply.headers.emplace_back("Pragma", "no-cache");
  c->done(std::move(reply));
}

oauth_error unknown_client() { return {"invalid_client", "there is no such client, or its secret is another"}; }

std::vector<std::string> words_in(std::string_view text) {
  std::vector<std::string> words;
  for (auto part : split(text, ' '))
    if (!part.empty()) words.emplace_back(part);
  return words;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (auto& x : words) text += (text.empty() ? "" : " ") + x;
  return text;
}

bool holds(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

std::string form_decoded(std::string_view text) { return query_value("x=" + std::string{text}, "x"); }

/// Each parameter once, none too long.
std::variant<form, oauth_error> read_form(const http_request& r) {
  if (!lower(r.content_type).starts_with("application/x-www-form-urlencoded"))
    return oauth_error{"invalid_request", "send application/x-www-form-urlencoded"};
  form found;
  for (auto part : split(r.body, '&')) {
    auto equals = part.find('=');
    if (part.empty() || equals == part.npos) continue;
    auto name = form_decoded(part.substr(0, equals)), value = form_decoded(part.substr(equals + 1));
    if (value.size() > value_bytes_max && name != "token") return oauth_error{"invalid_request", "a value is too long"};
    if (!found.emplace(name, value).second)
      return oauth_error{"invalid_request", "a parameter was sent more than once"};
  }
  return found;
}

struct shown_client {
  std::string id, secret;
};

/// client_secret_basic or client_secret_post, not both.
std::variant<shown_client, oauth_error> read_client(const http_request& r, form& f) {
  shown_client posted{f["client_id"], f["client_secret"]};
  if (r.authorization.empty()) {
    if (posted.id.empty() || posted.secret.empty()) return oauth_error{"invalid_client", "which client asks?"};
    return posted;
  }
  if (!posted.secret.empty()) return oauth_error{"invalid_request", "the client's secret was sent in two ways"};
  if (!lower(r.authorization.substr(0, 6)).starts_with("basic ")) return unknown_client();
  auto pair = from_base64(r.authorization.substr(6));
  auto colon = pair ? pair->find(':') : std::string::npos;
  if (colon == std::string::npos) return unknown_client();
  shown_client basic{form_decoded(pair->substr(0, colon)), form_decoded(pair->substr(colon + 1))};
  if (!posted.id.empty() && posted.id != basic.id) return oauth_error{"invalid_request", "two clients are named"};
  return basic;
}

struct found_client {
  std::optional<oauth_client> client;
  std::optional<user_row> user;
  std::string status;
};

/// Hands on the form, the client and its user when the secret is right and both still count.
void with_client(const call_ptr& c, std::function<void(form&, const oauth_client&, const user_row&)> next) {
  auto read = read_form(c->request);
  if (auto* bad = std::get_if<oauth_error>(&read)) return refuse(c, *bad);
  auto f = std::make_shared<form>(std::get<form>(std::move(read)));
  auto shown = read_client(c->request, *f);
  if (auto* bad = std::get_if<oauth_error>(&shown)) return refuse(c, *bad);
  auto& who = std::get<shown_client>(shown);
  auto look = [id = who.id](store_reader& db) {
    found_client found{db.identity().sign_in().find_client(id), {}, {}};
    if (!found.client) return found;
    found.user = db.find_user(found.client->user_id);
    found.status = db.identity().sign_in().user_status(found.client->user_id);
    return found;
  };
  ask_store(c, std::move(look), [c, f, hash = sha256_hex(who.secret), next = std::move(next)](const found_client& x) {
    auto right = same_bytes(hash, x.client ? x.client->secret_hash : sha256_hex(""));
    if (!right || !x.client || x.client->revoked_ms != 0 || !x.user || x.status != "active")
      return refuse(c, unknown_client());
    next(*f, *x.client, *x.user);
  });
}

void give_token(const call_ptr& c, form& f, const oauth_client& client, const user_row& user) {
  if (f["grant_type"].empty()) return refuse(c, {"invalid_request", "grant_type is missing"});
  if (f["grant_type"] != "client_credentials")
    return refuse(c, {"unsupported_grant_type", "only client_credentials is known here"});
  auto may = words_in(client.scopes);
  auto scopes = words_in(f["scope"]);
  if (scopes.empty()) scopes = may;
  for (auto& x : scopes)
    if (!holds(may, x)) return refuse(c, {"invalid_scope", "this client may not ask for that scope"});
  auto now = c->e.h.now_ms();
  auto seconds = c->e.h.settings.jwt_minutes * 60;
  change x;
  x.session = session_row{new_id("ses"), user.id, now, now + seconds * 1000, 0};
  x.audit = audit_by(*c, user.id, "oauth.token", client.id);
  auto session_id = x.session->id;
  auto answer = [c, user, session_id, scopes, seconds] {
    auto reply = json_reply(200, {{"access_token", access_token(*c, user, session_id, false, scopes)},
                                  {"token_type", "Bearer"},
                                  {"expires_in", seconds},
                                  {"scope", joined(scopes)}});
    reply.headers.emplace_back("Pragma", "no-cache");
    c->done(std::move(reply));
  };
  commit_steps(c, std::move(x), {sign_in_step{client_session{session_id, client.id, joined(scopes), now}}},
               std::move(answer),
               [c](const failure& why) { why.code == errc::stale ? refuse(c, unknown_client()) : c->refuse(why); });
}

/// Also for a token that is none, or another client's: 200, and nothing happens (RFC 7009 section 2.2).
void revoke_token(const call_ptr& c, form& f, const oauth_client& client) {
  auto claims = c->e.keys->check(f["token"], c->e.h.now_ms());
  if (!claims) return c->reply(200, json::object());
  client_session_end step{claims->session_id, client.id, c->e.h.now_ms()};
  change x;
  x.audit = audit_by(*c, client.user_id, "oauth.revoke", client.id);
  commit_steps(c, std::move(x), {sign_in_step{step}}, [c, id = claims->session_id] {
    tell(c->e.h.actors.sessions.get(), forget_credential{"jwt:" + id});
    c->reply(200, json::object());
  });
}

json client_json(const oauth_client& x) {
  return {
      {"client_id", x.id}, {"name", x.name}, {"scopes", words_in(x.scopes)}, {"created_at", time_json(x.created_ms)}};
}

/// A client can do all that its scopes say: a credential that may do less must not make one.
void with_full_rights(const call_ptr& c, const std::function<void()>& next) {
  if (c->who->rules) return c->refuse({errc::forbidden, "a credential with rules may not do this", {}, {}});
  next();
}

void make_client(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto name = f.text("name", name_bytes_max);
  auto scopes = f.texts("scopes", all_scopes.size(), 16);
  if (scopes.empty()) scopes = {"read", "write"};
  for (auto& x : scopes) {
    if (!holds(all_scopes, x)) f.refuse("scopes are read, write and admin");
    if (x == "admin" && c->who->role != "admin") f.refuse("only an admin's client may have the scope admin");
  }
  if (auto bad = f.problem()) return c->refuse(*bad);
  auto secret = "cs_" + base64url(random_bytes(32));
  oauth_client row{new_id("cli"), c->who->user_id, name, sha256_hex(secret), joined(scopes), c->e.h.now_ms()};
  with_full_rights(c, [&] {
    change x;
    x.audit = audit_by(*c, row.user_id, "oauth.client.create", row.id);
    commit_steps(c, std::move(x), {sign_in_step{client_add{row, clients_max}}}, [c, row, secret] {
      auto answer = client_json(row);
      answer["client_secret"] = secret;
      answer["message"] = "Shown once: keep it safe";
      c->reply(201, answer);
    });
  });
}

void list_clients(const call_ptr& c) {
  ask_store(
      c, [id = c->who->user_id](store_reader& db) { return db.identity().sign_in().list_clients(id); },
      [c](const std::vector<oauth_client>& found) {
        auto list = json::array();
        for (auto& x : found) list.push_back(client_json(x));
        auto total = list.size();
        c->reply(200, {{"clients", std::move(list)}, {"total", total}});
      });
}

void end_client(const call_ptr& c) {
  with_full_rights(c, [&] {
    client_end step{c->params["id"], c->who->user_id, c->e.h.now_ms()};
    change x;
    x.audit = audit_by(*c, step.user_id, "oauth.client.delete", step.id);
    commit_steps(c, std::move(x), {sign_in_step{step}}, [c, id = step.id] {
      forget(*c, c->who->user_id);
      c->reply(200, {{"client_id", id}, {"message", "Deleted: its tokens have ended"}});
    });
  });
}

}  // namespace

void add_oauth_routes(std::vector<route>& rows) {
  for (auto path : {"/oauth/token", "/api/v1/oauth/token", "/api/oauth/token"})
    rows.push_back(
        {"POST", path, access::open, "OAuth2: a token for a client (client_credentials)", [](const call_ptr& c) {
           with_client(
               c, [c](form& f, const oauth_client& client, const user_row& user) { give_token(c, f, client, user); });
         }});
  for (auto path : {"/oauth/revoke", "/api/v1/oauth/revoke"})
    rows.push_back({"POST", path, access::open, "OAuth2: end a token of this client", [](const call_ptr& c) {
                      with_client(
                          c, [c](form& f, const oauth_client& client, const user_row&) { revoke_token(c, f, client); });
                    }});
  rows.push_back(
      {"POST", "/api/v1/oauth/clients", access::user, "A client for a program; secret shown once", make_client});
  rows.push_back({"GET", "/api/v1/oauth/clients", access::user, "Clients, without their secrets", list_clients});
  rows.push_back({"DELETE", "/api/v1/oauth/clients/{id}", access::user, "End a client and its tokens", end_client});
}

}  // namespace troupe
