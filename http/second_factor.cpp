// TOTP codes are compared here, the others by their hash in the store.
#include "http/second_factor.hpp"

#include <algorithm>

#include "actors/password.hpp"
#include "config/log.hpp"
#include "http/signing.hpp"
#include "http/totp.hpp"

namespace troupe {

namespace {

constexpr size_t token_bytes_max = 64;
constexpr size_t backup_letters = 8, backup_count = 10;

failure wrong_code() { return {errc::unauthenticated, "Invalid verification code", {}, {}, "INVALID_MFA_CODE"}; }

failure required() { return {errc::forbidden, "MFA verification required", {}, {}, std::string{mfa_required_word}}; }

failure locked() {
  return {errc::limit_exceeded, "too many wrong codes; try again later", {}, {}, "MFA_ATTEMPTS_EXCEEDED"};
}

bool is_six_digits(std::string_view x) {
  return x.size() == 6 && std::all_of(x.begin(), x.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Without spaces and hyphens, and in capitals: people type codes in many ways.
std::string plain_code(std::string_view token) {
  std::string plain;
  for (auto c : token)
    if (c != ' ' && c != '-') plain += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return plain;
}

template <class Step>
std::shared_ptr<const identity_change> only(Step step) {
  return std::make_shared<const identity_change>(identity_change{{mfa_step{std::move(step)}}});
}

/// Not when the keys of secrets at rest were lost: nobody's fault, and no guess.
bool can_open(const vault& secrets, const factor_row& factor) {
  auto good = secrets.open(factor.secret, "mfa:" + factor.id()).has_value();
  if (!good)
    log::error("the secret of a second factor does not open with this encryption key", {{"factor", factor.id()}});
  return good;
}

std::optional<factor_proof> right_code(const vault& secrets, const mfa_view& view, const std::string& method,
                                       const std::string& code, const code_question& q) {
  factor_proof proof{q.user_id, method, {}, 0, {}, q.session_id, q.now_ms};
  if (method != totp_method) {
    proof.code_hash = hash_code(code, q.user_id);
    if (auto* factor = view.find(method)) proof.secret = factor->secret;
    auto since = method == email_method ? q.now_ms - emailed_code_ms : time_ms{-1};
    for (auto& x : view.codes)
      if (x.method == method && x.sent_ms > since && same_bytes(x.hash, proof.code_hash)) return proof;
    return std::nullopt;
  }
  auto* factor = view.find(method);
  auto secret = secrets.open(factor->secret, "mfa:" + factor->id());
  if (!secret) return std::nullopt;  // judge_code has looked
  auto step = totp_step(*secret, code, q.now_ms, factor->last_step);
  if (!step) return std::nullopt;
  proof.secret = factor->secret;
  proof.step = *step;
  return proof;
}

bool ends_with_any(std::string_view path, std::initializer_list<std::string_view> ends) {
  return std::any_of(ends.begin(), ends.end(), [&](auto end) { return path.ends_with(end); });
}

}  // namespace

std::string method_of(const shown_code& shown, const mfa_view& view) {
  if (shown.method == "backup_code" || shown.method == "backup") return std::string{backup_method};
  if (!shown.method.empty()) {
    auto known = shown.method == totp_method || shown.method == email_method || shown.method == backup_method;
    return known ? shown.method : std::string{};
  }
  if (!is_six_digits(plain_code(shown.token))) return std::string{backup_method};
  return std::string{view.find(totp_method) != nullptr ? totp_method : email_method};
}

std::vector<std::string> methods_of(const mfa_view& view) {
  std::vector<std::string> all;
  for (auto method : {totp_method, email_method})
    if (view.is_enabled(method)) all.emplace_back(method);
  if (view.any() && view.count(backup_method) > 0) all.emplace_back(backup_method);
  return all;
}

mfa_verdict judge_code(const vault& secrets, const mfa_view& view, const shown_code& shown, const code_question& q) {
  mfa_verdict v;
  auto method = method_of(shown, view);
  auto usable = method == backup_method ? view.any()
                : q.pending             ? view.find(method) != nullptr
                                        : view.is_enabled(method);
  auto code = plain_code(shown.token);
  if (method.empty() || !usable)
    v.no = failure{errc::invalid, "that method is not set up", {}, {}, "MFA_METHOD_UNKNOWN"};
  else if (view.locked_until(q.now_ms) != 0)
    v.no = locked();
  else if (code.size() > token_bytes_max)
    v.no = failure{errc::invalid, "that code is too long", {}, {}};
  else if (method == totp_method && !can_open(secrets, *view.find(method)))
    v.no = failure{errc::internal, {}, {}, {}};
  if (v.no) return v;
  auto proof = right_code(secrets, view, method, code, q);
  v.mfa = proof.has_value();
  v.what = proof ? only(std::move(*proof)) : only(factor_wrong{q.user_id, q.now_ms});
  if (!proof) v.no = wrong_code();
  return v;
}

mfa_verdict second_of_login(const vault& secrets, const mfa_view& view, const shown_code& shown,
                            const code_question& q) {
  if (!view.any()) return {};
  if (shown.token.empty()) return {required(), nullptr, false};
  return judge_code(secrets, view, shown, q);
}

std::vector<std::string> make_backup_codes() {
  constexpr std::string_view alphabet = "ABCDEFGHJKMNPQRSTUVWXYZ23456789";
  std::vector<std::string> codes(backup_count);
  for (auto& code : codes)
    while (code.size() < backup_letters + 1) {
      auto byte = static_cast<uint8_t>(random_bytes(1)[0]);
      if (byte >= 256 / alphabet.size() * alphabet.size()) continue;  // all letters are as likely
      code += alphabet[byte % alphabet.size()];
      if (code.size() == backup_letters / 2) code += '-';
    }
  return codes;
}

std::vector<std::string> hash_codes(const std::vector<std::string>& codes, const std::string& user_id) {
  std::vector<std::string> hashes;
  for (auto& code : codes) hashes.push_back(hash_code(plain_code(code), user_id));
  return hashes;
}

failure mfa_failure(failure f) {
  if (f.code == errc::limit_exceeded) return locked();
  if (f.code == errc::stale) return wrong_code();
  return f;
}

http_reply mfa_error(const failure& f, const mfa_view& view, const call& c) {
  auto reply = error_reply(f, c.request.request_id, c.dialect);
  if (f.word == mfa_required_word) {
    auto body = json::parse(reply.body);
    body["mfa_required"] = true;
    body["available_methods"] = methods_of(view);
    reply.body = body.dump();
  }
  if (f.code == errc::limit_exceeded) {
    auto now = c.e.h.now_ms();
    add_retry_after(reply, view.locked_until(now) - now);
  }
  return reply;
}

std::optional<failure> mfa_gate(const config& settings, const principal& who, std::string_view path) {
  if (who->mfa || !(who->mfa_due || settings.require_mfa)) return std::nullopt;
  if (ends_with_any(path, {"/mfa/verify", "/mfa/send", "/mfa/status", "/logout"})) return std::nullopt;
  if (who->mfa_due) return required();
  if (path.ends_with("/mfa/setup")) return std::nullopt;
  return failure{errc::forbidden, "set up a second factor first", {}, {}, "MFA_SETUP_REQUIRED"};
}

}  // namespace troupe
