// Strict reading, and the error envelope of the contract, section 6.4.
#include "http/json.hpp"

#include <cstdio>

#include "config/world.hpp"
#include "http/json_text.hpp"

namespace troupe {

namespace {

constexpr int depth_max = 64;

/// Counts brackets outside strings: the parser must not meet what later code could not walk.
bool too_deep(std::string_view text) {
  int depth = 0;
  auto quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    auto c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > depth_max) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

failure invalid(std::string why) { return {errc::invalid, std::move(why), {}, {}}; }

std::string_view code_of(const failure& f) {
  if (!f.word.empty()) return f.word;
  switch (f.code) {
    case errc::ok: return "OK";
    case errc::invalid: return "VALIDATION_ERROR";
    case errc::unauthenticated: return "AUTHENTICATION_REQUIRED";
    case errc::forbidden: return "INSUFFICIENT_PERMISSIONS";
    case errc::not_found: return "RESOURCE_NOT_FOUND";
    case errc::conflict: return "CONFLICT";
    case errc::key_reused: return "IDEMPOTENCY_MISMATCH";
    case errc::insufficient_funds: return "INSUFFICIENT_FUNDS";
    case errc::limit_exceeded: return "LIMIT_EXCEEDED";
    case errc::queue_full: return "QUEUE_FULL";
    case errc::too_large: return "PAYLOAD_TOO_LARGE";
    case errc::stale: return "STALE";
    case errc::rate_unknown: return "RATE_NOT_FOUND";
    case errc::unavailable: return "SERVICE_UNAVAILABLE";
    case errc::timeout: return "TIMEOUT";
    case errc::internal: break;
  }
  return "INTERNAL_ERROR";
}

std::string message_of(const failure& f) {
  if (f.code == errc::insufficient_funds) return "Insufficient balance";
  if (!f.detail.empty()) return f.detail;
  return f.code == errc::internal ? "Internal server error" : to_string(f.code);
}

/// `funds`: of a failure for want of money, what was asked for and what there is.
http_reply envelope(int status, std::string_view code, std::string_view message, const std::string& request_id,
                    const failure* funds = nullptr) {
  json_text t;
  t.begin('{');
  t.add("success", false);
  t.add("error_code", code);
  t.add("message", message);
  t.add("error", message);
  t.add("status", status);
  t.begin("details", '{');
  if (funds) t.add("required", funds->required), t.add("available", funds->balance);
  t.end('}');
  if (funds) t.add("required", funds->required), t.add("balance", funds->balance);
  t.add_time("timestamp", wall_ms());
  t.add("request_id", request_id);
  t.end('}');
  return {status, t.take()};
}

http_reply openai_error(const failure& f, int status) {
  auto type = status == 401   ? "authentication_error"
              : status == 402 ? "insufficient_quota"
              : status >= 500 ? "server_error"
                              : "invalid_request_error";
  json error{{"message", message_of(f)}, {"type", type}, {"param", nullptr}, {"code", to_string(f.code)}};
  return json_reply(status, {{"error", std::move(error)}});
}

}  // namespace

outcome<json> parse_object(std::string_view body) {
  if (body.empty()) return invalid("the body is empty; send a JSON object");
  if (too_deep(body)) return invalid("the JSON is nested too deep");
  auto parsed = json::parse(body, nullptr, false);
  if (parsed.is_discarded()) return invalid("the body is not valid JSON");
  if (!parsed.is_object()) return invalid("the body must be a JSON object");
  return parsed;
}

const json* fields::find(std::string_view name) {
  asked_.emplace(name);
  auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

void fields::refuse(std::string why, std::string word) {
  if (problem_) return;
  problem_ = invalid(std::move(why));
  problem_->word = std::move(word);
}

std::optional<failure> fields::problem(bool allow_unknown) {
  if (problem_ || allow_unknown) return problem_;
  for (auto& [name, value] : object_.items())
    if (!asked_.contains(name)) refuse("unknown field '" + name.substr(0, 64) + "'");
  return problem_;
}

std::string fields::text(std::string_view name, size_t bytes_max, bool required) {
  auto* value = find(name);
  auto label = std::string{name};
  if (value == nullptr) {
    if (required) refuse(label + " is required");
    return {};
  }
  if (!value->is_string()) return refuse(label + " must be a string"), std::string{};
  auto& text = value->get_ref<const std::string&>();
  if (text.size() > bytes_max) return refuse(label + " is too long"), std::string{};
  if (text.find('\0') != std::string::npos) return refuse(label + " holds a zero character"), std::string{};
  if (required && text.empty()) refuse(label + " must not be empty");
  return text;
}

int64_t fields::integer(std::string_view name, int64_t least, int64_t most, int64_t otherwise) {
  auto* value = find(name);
  if (value == nullptr) return otherwise;
  auto fits = value->is_number_integer() && !(value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX);
  auto number = fits ? value->get<int64_t>() : 0;
  if (!fits || number < least || number > most) {
    refuse(std::string{name} + " must be an integer from " + std::to_string(least) + " to " + std::to_string(most));
    return otherwise;
  }
  return number;
}

std::optional<amount> fields::money(std::string_view name, bool required) {
  auto* value = find(name);
  auto label = std::string{name};
  auto bad = [&](const std::string& why) {
    refuse(label + why, name == "amount" ? "INVALID_AMOUNT" : "");
    return std::nullopt;
  };
  if (value == nullptr) {
    if (required) bad(" is required");
    return std::nullopt;
  }
  if (value->is_number()) return bad(": send money as a string");
  if (!value->is_string()) return bad(" must be a decimal string");
  auto parsed = parse_amount(value->get_ref<const std::string&>());
  if (!parsed) return bad(" must be a decimal string with at most 9 decimals, like \"12.5\"");
  if (*parsed == 0) return bad(" must be more than zero");
  return parsed;
}

std::optional<asset> fields::currency(std::string_view name) {
  auto word = text(name, 16);
  if (word.empty()) return std::nullopt;
  auto known = parse_asset(word);
  if (!known) refuse(std::string{name} + " must be one of CREDIT, dGPU, FOG, ETH, USDC, SOL");
  return known;
}

std::vector<std::string> fields::texts(std::string_view name, size_t count_max, size_t bytes_max) {
  std::vector<std::string> result;
  auto* value = find(name);
  if (value == nullptr) return result;
  auto good = value->is_array() && value->size() <= count_max;
  for (size_t i = 0; good && i < value->size(); ++i) {
    auto& x = (*value)[i];
    good = x.is_string() && !x.get_ref<const std::string&>().empty() &&
           x.get_ref<const std::string&>().size() <= bytes_max;
    if (good) result.push_back(x.get<std::string>());
  }
  if (!good) refuse(std::string{name} + " must be an array of at most " + std::to_string(count_max) + " short strings");
  return result;
}

std::vector<label> fields::labels(std::string_view name, size_t count_max) {
  std::vector<label> result;
  auto* value = find(name);
  if (value == nullptr) return result;
  auto good = value->is_object() && value->size() <= count_max;
  if (good)
    for (auto& [key, x] : value->items()) {
      good = good && x.is_string() && !key.empty() && key.size() <= 128 &&
             x.get_ref<const std::string&>().size() <= 256 && key.find_first_of("=,") == std::string::npos &&
             x.get_ref<const std::string&>().find_first_of("=,") == std::string::npos;
      if (good) result.push_back({key, x.get<std::string>()});
    }
  if (!good) refuse(std::string{name} + " must be an object of short strings without '=' and ','");
  return result;
}

time_ms fields::time(std::string_view name) {
  auto word = text(name, 40);
  if (word.empty()) return 0;
  auto parsed = parse_time(word);
  if (!parsed) refuse(std::string{name} + " must be a UTC time like 2026-11-22T10:30:00Z");
  return parsed.value_or(0);
}

const json* fields::any(std::string_view name) { return find(name); }

bool fields::flag(std::string_view name, bool otherwise) {
  auto* value = find(name);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) return refuse(std::string{name} + " must be true or false"), otherwise;
  return value->get<bool>();
}

int status_of(errc x) {
  switch (x) {
    case errc::ok: return 200;
    case errc::invalid: return 400;
    case errc::unauthenticated: return 401;
    case errc::insufficient_funds: return 402;
    case errc::limit_exceeded:
    case errc::queue_full: return 429;
    case errc::forbidden: return 403;
    case errc::not_found:
    case errc::rate_unknown: return 404;
    case errc::conflict:
    case errc::stale: return 409;
    case errc::too_large: return 413;
    case errc::key_reused: return 422;
    case errc::unavailable: return 503;
    case errc::timeout: return 504;
    case errc::internal: break;
  }
  return 500;
}

void add_retry_after(http_reply& x, int64_t wait_ms) {
  x.headers.emplace_back("Retry-After", std::to_string(std::max<int64_t>(1, (wait_ms + 999) / 1'000)));
}

http_reply error_reply(const failure& f, const std::string& request_id, error_dialect dialect) {
  auto status = status_of(f.code);
  http_reply reply;
  if (dialect == error_dialect::openai) {
    reply = openai_error(f, status);
  } else {
    reply = envelope(status, code_of(f), message_of(f), request_id, f.code == errc::insufficient_funds ? &f : nullptr);
  }
  if (status == 401) reply.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (status == 503 || f.code == errc::queue_full) reply.headers.emplace_back("Retry-After", "1");
  return reply;
}

http_reply error_reply(int status, std::string_view code, std::string_view message, const std::string& request_id) {
  return envelope(status, code, message, request_id);
}

http_reply json_reply(int status, const json& body) {
  http_reply reply;
  reply.status = status;
  reply.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
  return reply;
}

json time_json(time_ms at) { return at == 0 ? json(nullptr) : json(iso_time(at)); }

std::optional<time_ms> parse_time(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
  std::string copy{text};
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second, &used) != 6)
    return std::nullopt;
  int64_t ms = 0;
  auto rest = text.substr(static_cast<size_t>(used));
  if (rest.starts_with('.')) {
    auto digits = rest.substr(1, rest.find_first_not_of("0123456789", 1) - 1);
    if (digits.empty()) return std::nullopt;
    for (size_t i = 0; i < 3; ++i) ms = ms * 10 + (i < digits.size() ? digits[i] - '0' : 0);
    rest.remove_prefix(1 + digits.size());
  }
  auto utc = rest == "Z" || rest == "z" || rest == "+00:00";
  auto sane = year >= 1970 && year < 2200 && month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour >= 0 &&
              hour <= 23 && minute >= 0 && minute <= 59 && second >= 0 && second <= 60;
  if (!utc || !sane) return std::nullopt;
  std::tm t{};
  t.tm_year = year - 1900;
  t.tm_mon = month - 1;
  t.tm_mday = day;
  t.tm_hour = hour;
  t.tm_min = minute;
  t.tm_sec = second;
  return static_cast<time_ms>(timegm(&t)) * 1000 + ms;
}

}  // namespace troupe
