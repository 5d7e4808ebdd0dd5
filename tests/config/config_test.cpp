// Where values come from, who wins, and what is refused with one clear line.
#include "config/config.hpp"
#include "config/certificates.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "config/log.hpp"

using namespace troupe;

namespace {

/// A folder that is gone after the test.
struct folder {
  std::filesystem::path path;
  folder() {
    auto name = (std::filesystem::temp_directory_path() / "troupe-config-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  folder(const folder&) = delete;
  ~folder() { std::filesystem::remove_all(path); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream{path / name} << text;
    return (path / name).string();
  }
};

using flag_list = std::vector<std::pair<std::string, std::string>>;

config from_flags(flag_list flags) { return load_config({std::move(flags), {}}); }
config from_environment(std::map<std::string, std::string> e) { return load_config({{}, std::move(e)}); }

std::string refusal(const sources& from) {
  try {
    load_config(from);
  } catch (const config_error& e) {
    return e.what();
  }
  return "accepted";
}
std::string refusal(const std::string& name, const std::string& text) { return refusal(sources{{{name, text}}, {}}); }

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct certificates {
  folder at;
  pem_pair ca = make_cluster_ca("CA"), own = make_cluster_certificate(ca, "gate", {"gate.example", "::1"});
  flag_list flags{{"cluster-cert", at.write("cert", own.certificate)},
                  {"cluster-key", at.write("key", own.key)},
                  {"cluster-ca", at.write("ca", ca.certificate)}};
};

}  // namespace

TEST_CASE("with nothing said the defaults hold") {
  auto c = load_config({});
  CHECK(c.listen == endpoint{"127.0.0.1", 8080});
  CHECK(c.cluster_listen == endpoint{"127.0.0.1", 0});
  CHECK(c.data_dir == "./data");
  CHECK(c.slots == -1);
  CHECK(c.fee_bps == 500);
  CHECK_FALSE(c.dev);
  CHECK(c.gpus.empty());
  CHECK_FALSE(c.rate_per_hour.has_value());
}

TEST_CASE("a flag beats TROUPE_*, which beats an alias, which beats the file") {
  folder at;
  auto file = at.write("t.toml", "jwt_secret = 'file'\nregion = 'file'\n");
  sources from{{{"config", file}}, {}};
  CHECK(load_config(from).jwt_secret == "file");
  from.environment["JWT_SECRET"] = "alias";
  CHECK(load_config(from).jwt_secret == "alias");
  from.environment["TROUPE_JWT_SECRET"] = "variable";
  CHECK(load_config(from).jwt_secret == "variable");
  from.flags.emplace_back("jwt-secret", "flag");
  CHECK(load_config(from).jwt_secret == "flag");
  CHECK(load_config(from).region == "file");
}

TEST_CASE("the names of the original systems are understood") {
  CHECK(from_environment({{"DATABASE_URL", "postgresql://u@h/d"}}).database == "postgresql://u@h/d");
  CHECK(from_environment({{"JWT_SECRET_KEY", "a"}}).jwt_secret == "a");
  CHECK(from_environment({{"SECRET_KEY", "b"}}).jwt_secret == "b");
  CHECK(from_environment({{"JWT_SECRET", "first"}, {"SECRET_KEY", "last"}}).jwt_secret == "first");
  CHECK(from_environment({{"ACCESS_TOKEN_EXPIRE_MINUTES", "30"}}).jwt_minutes == 30);
  CHECK(from_environment({{"LOG_LEVEL", "WARNING"}, {"LOG_FORMAT", "json"}}).log_format == "json");
}

TEST_CASE("HOST and PORT each replace their half of listen") {
  CHECK(from_environment({{"PORT", "9000"}}).listen == endpoint{"127.0.0.1", 9000});
  CHECK(from_environment({{"HOST", "::1"}}).listen == endpoint{"::1", 8080});
  CHECK(from_environment({{"PORT", "9000"}, {"TROUPE_LISTEN", "localhost:1"}}).listen == endpoint{"localhost", 1});
  folder at;
  auto file = at.write("t.toml", "listen = '0.0.0.0:7000'\n");
  CHECK(load_config({{{"config", file}}, {{"PORT", "1"}}}).listen == endpoint{"0.0.0.0", 1});
  CHECK(has(refusal(sources{{}, {{"PORT", "70000"}}}), "PORT: \"70000\""));
  CHECK(has(refusal(sources{{}, {{"HOST", "a b"}}}), "HOST: \"a b\""));
}

TEST_CASE("a variable set to nothing counts as unset") {
  CHECK(from_environment({{"TROUPE_LISTEN", ""}, {"PORT", ""}}).listen == endpoint{"127.0.0.1", 8080});
}

TEST_CASE("lists are repeated flags, arrays in TOML and commas in a variable") {
  folder at;
  auto file = at.write("t.toml", "label = ['a=1', 'b=2']\n");
  CHECK(load_config({{{"config", file}}, {}}).labels == std::vector<label>{{"a", "1"}, {"b", "2"}});
  CHECK(from_environment({{"TROUPE_LABEL", "a=1,b=2"}}).labels == std::vector<label>{{"a", "1"}, {"b", "2"}});
  auto c = load_config({{{"config", file}, {"label", "z=1"}, {"label", "y=x=2"}}, {}});
  CHECK(c.labels == std::vector<label>{{"y", "x=2"}, {"z", "1"}});
}

TEST_CASE("a file may say every kind of value") {
  folder at;
  auto file = at.write("t.toml",
                       "listen = '[::1]:1'\ndev = true\nslots = 0\nprice_per_hour = '0.25'\n"
                       "model = ['m:8b=http://127.0.0.1:1/v1']\n");
  auto c = load_config({{{"config", file}}, {}});
  CHECK(c.listen == endpoint{"::1", 1});
  CHECK(c.dev);
  CHECK(c.slots == 0);
  CHECK(c.rate_per_hour == amount{250'000'000});
  CHECK(c.models.at("m:8b") == "http://127.0.0.1:1/v1");
}

TEST_CASE("a bad file is refused with its name and the key or the line") {
  folder at;
  auto said = [&](const std::string& text) { return refusal("config", at.write("t.toml", text)); };
  auto path = (at.path / "t.toml").string();
  CHECK(has(said("colour = 'red'"), path + ": colour: unknown key"));
  CHECK(has(said("config = 'x'"), "config: unknown key"));
  CHECK(has(said("[serve]\nlisten = 'x:1'"), "serve: unknown key"));
  CHECK(has(said("\nslots = = 1"), path + ":2: "));
  CHECK(has(said("slots = 1.5"), "slots: 1.5 is not a whole number"));
  CHECK(has(said("slots = '1'"), "slots: "));
  CHECK(has(said("dev = 'yes'"), "dev: "));
  CHECK(has(said("region = 5"), "region: 5 is not a string"));
  CHECK(has(said("label = 'a=b'"), "label: "));
  CHECK(has(said("label = [1]"), "label: 1 is not a string"));
  CHECK(has(said("price_per_hour = 0.25"), "price_per_hour: 0.25 is not a string"));
  CHECK(has(said("readers = 0"), path + ": readers: \"0\" is not a whole number from 1 to 64"));
  CHECK(has(refusal("config", (at.path / "none.toml").string()), "none.toml\" is not a file"));
}

TEST_CASE("unknown flags and TROUPE_* variables are refused, the client's and the tests' are not") {
  CHECK(has(refusal("colour", "red"), "--colour: unknown flag"));
  CHECK(has(refusal(sources{{}, {{"TROUPE_LISTENN", "x:1"}}}), "TROUPE_LISTENN: unknown variable"));
  std::map<std::string, std::string> known{{"TROUPE_URL", "u"},
                                           {"TROUPE_API_KEY", "k"},
                                           {"TROUPE_BUILD_TYPE", "x"},
                                           {"TROUPE_TEST_POSTGRES", ""},
                                           {"PATH", "/bin"}};
  CHECK(refusal(sources{{}, known}) == "accepted");
}

TEST_CASE("a flag that is no list is given once") {
  CHECK(refusal(sources{{{"slots", "1"}, {"slots", "2"}}, {}}) == "--slots: given twice");
}

TEST_CASE("doors are HOST:PORT, with brackets around IPv6") {
  CHECK(from_flags({{"listen", "[::1]:80"}}).listen == endpoint{"::1", 80});
  CHECK(from_flags({{"listen", "gate.example:0"}}).listen == endpoint{"gate.example", 0});
  CHECK(to_string(endpoint{"::1", 80}) == "[::1]:80");
  CHECK(to_string(endpoint{"10.0.0.1", 80}) == "10.0.0.1:80");
  for (auto bad : {"", "80", ":80", "h:", "h:65536", "h:-1", "h:8 0", "h:+1", "::1:80", "[::1]", "[h]:1", "[::g]:1",
                   "10.0.0.300:1", "a..b:1", "a b:1", "h:99999999999999999999"}) {
    CAPTURE(bad);
    CHECK(has(refusal("listen", bad), "--listen: \"" + std::string{bad} + "\" is not HOST:PORT"));
  }
}

TEST_CASE("numbers are whole and in range") {
  CHECK(from_flags({{"slots", "-1"}}).slots == -1);
  CHECK(from_flags({{"commit-delay-us", "2000"}}).commit_delay_us == 2000);
  for (auto bad : {"-2", "1.0", "1e3", "", " 1", "0x1", "many", "9223372036854775808"}) {
    CAPTURE(bad);
    CHECK(has(refusal("slots", bad), "--slots: \"" + std::string{bad} + "\" is not a whole number from -1"));
  }
  CHECK(has(refusal("commit-delay-us", "2001"), "from 0 to 2000"));
  CHECK(has(refusal(sources{{}, {{"TROUPE_FEE_BPS", "10001"}}}), "TROUPE_FEE_BPS: \"10001\""));
}

TEST_CASE("GPU offers are MODEL:VRAM_MB with an optional count") {
  auto c = from_flags({{"gpu", "NVIDIA-GeForce-RTX-4090:24564x2,apple-m2-ultra:65536"}});
  REQUIRE(c.gpus.size() == 2);
  CHECK(c.gpus[0].model == "nvidia-geforce-rtx-4090");
  CHECK(c.gpus[0].vram_mb == 24564);
  CHECK(c.gpus[0].count == 2);
  CHECK(c.gpus[1].count == 1);
  CHECK(from_flags({{"gpu", "none"}}).gpus.empty());
  for (auto bad : {"", "a", "a:", ":1", "a:0", "a:1x0", "a:1x", "a:1x65", "a:1,", "a:1x2x3", "a b:1", "auto,a:1"}) {
    CAPTURE(bad);
    CHECK(has(refusal("gpu", bad), "--gpu: \"" + std::string{bad} + "\""));
  }
}

TEST_CASE("labels are k=v, each key once") {
  for (auto bad : {"", "a", "=v", "k=", "k k=v", "k=v v"}) {
    CAPTURE(bad);
    CHECK(has(refusal("label", bad), "--label: \"" + std::string{bad} + "\" is not k=v"));
  }
  CHECK(has(refusal(sources{{{"label", "a=1"}, {"label", "a=2"}}, {}}), "--label: \"a=2\""));
}

TEST_CASE("models are NAME=URL, each name once") {
  CHECK(from_flags({{"model", "a=https://h/v1?x=y"}}).models.at("a") == "https://h/v1?x=y");
  for (auto bad : {"", "a", "=http://h", "a=h", "a=ftp://h", "a=http://", "a=http:///v1", "a=http", "a=http://h h"}) {
    CAPTURE(bad);
    CHECK(has(refusal("model", bad), "--model: \"" + std::string{bad} + "\" is not NAME=URL"));
  }
  CHECK(has(refusal(sources{{{"model", "a=http://h"}, {"model", "a=http://i"}}, {}}), "names a model"));
}

TEST_CASE("the price is a decimal and never rounded") {
  CHECK(from_flags({{"price-per-hour", "0.000000001"}}).rate_per_hour == amount{1});
  for (auto bad : {"-1", "+1", "1e3", "01", ".5", "1.", "0.0000000001", "x", "99999999999999999999"}) {
    CAPTURE(bad);
    CHECK(has(refusal("price-per-hour", bad), "--price-per-hour: \"" + std::string{bad} + "\""));
  }
}

TEST_CASE("words of the log options are checked in any case") {
  CHECK(from_flags({{"log-level", "DEBUG"}}).log_level == "DEBUG");
  CHECK(has(refusal("log-level", "loud"), "--log-level: \"loud\""));
  CHECK(has(refusal("tier-profile", "gold"), "--tier-profile: \"gold\""));
  CHECK(has(refusal(sources{{}, {{"LOG_FORMAT", "xml"}}}), "LOG_FORMAT: \"xml\""));
  CHECK(log::parse_level("warning") == log::level::warn);
  CHECK(log::parse_form("auto") == log::form::automatic);
}

TEST_CASE("dev is refused beyond loopback") {
  CHECK(from_flags({{"dev", "true"}, {"listen", "127.9.9.9:1"}}).dev);
  CHECK(from_flags({{"dev", "true"}, {"listen", "[::1]:1"}}).dev);
  CHECK_FALSE(from_flags({{"dev", "false"}, {"listen", "0.0.0.0:1"}}).dev);
  for (auto open : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "127.example:1", "localhost.example:1"}) {
    CAPTURE(open);
    CHECK(has(refusal(sources{{{"dev", "true"}, {"listen", open}}, {}}), "--dev: \"true\" is refused: --listen"));
  }
  CHECK(has(refusal("dev", "maybe"), "--dev: \"maybe\""));
}

TEST_CASE("the cluster door opens beyond loopback only with all three TLS files") {
  CHECK(has(refusal("cluster-listen", "0.0.0.0:1"), "--cluster-listen: \"0.0.0.0:1\" is not loopback"));
  CHECK(has(refusal("join", "gate.example:1"), "--join: \"gate.example:1\" is not loopback"));
  CHECK(from_flags({{"join", "localhost:1"}}).join == "localhost:1");
  CHECK(has(refusal("join", "localhost:0"), "is not HOST:PORT"));
  certificates tls;
  auto flags = tls.flags;
  flags.emplace_back("cluster-listen", "0.0.0.0:1");
  flags.emplace_back("join", "gate.example:1");
  CHECK(from_flags(flags).cluster_listen == endpoint{"0.0.0.0", 1});
  flags.erase(flags.begin() + 1);
  CHECK(has(refusal(sources{flags, {}}), "--cluster-key: \"\" is missing"));
  CHECK(has(refusal(sources{{{"cluster-cert", "/none"}}, {}}), "--cluster-cert: \"/none\" is not a file"));
}

TEST_CASE("an error is one line and keeps secrets") {
  auto said = refusal("database", "mysql://user:hunter2@h");
  CHECK(has(said, "--database: *** "));
  CHECK_FALSE(has(said, "hunter2"));
  CHECK(has(refusal("region", "a\nb"), "\"a\\nb\" has a control character"));
  folder at;
  said = refusal("config", at.write("t.toml", "node_key = 31337"));
  CHECK(has(said, "node_key: ***"));
  CHECK_FALSE(has(said, "31337"));
}

TEST_CASE("config show names every option, its value and its source, and hides secrets") {
  auto text = show_config({{{"slots", "3"}}, {{"JWT_SECRET", "hunter2"}, {"TROUPE_LABEL", "a=1,b=2"}, {"PORT", "9"}}});
  CHECK(has(text, "slots = 3  # --slots\n"));
  CHECK(has(text, "jwt_secret = \"***\"  # JWT_SECRET\n"));
  CHECK(has(text, "node_key = \"\"  # default\n"));
  CHECK(has(text, "label = [\"a=1\", \"b=2\"]  # TROUPE_LABEL\n"));
  CHECK(has(text, "listen = \"127.0.0.1:9\"  # PORT\n"));
  CHECK_FALSE(has(text, "hunter2"));
  CHECK(static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) == options().size());
}

TEST_CASE("the process environment is read") {
  REQUIRE(setenv("TROUPE_TEST_MARK", "a=b", 1) == 0);
  CHECK(process_environment().at("TROUPE_TEST_MARK") == "a=b");
}

TEST_CASE("a list in the environment is written with commas, or as a JSON array") {
  using texts = std::vector<std::string>;
  auto origins = [](const std::string& text) { return from_environment({{"CORS_ORIGINS", text}}).cors_origins; };
  CHECK(origins("http://a,http://b") == texts{"http://a", "http://b"});
  CHECK(origins("http://a, http://b") == texts{"http://a", "http://b"});
  CHECK(origins(R"(["http://a","http://b"])") == texts{"http://a", "http://b"});
  CHECK(origins(R"( [ "http://a" , "http://b" ] )") == texts{"http://a", "http://b"});
  CHECK(origins("[]").empty());
  CHECK(from_environment({{"TRUSTED_HOSTS", "[::1]"}}).trusted_hosts == texts{"[::1]"});
  CHECK(has(refusal(sources{{}, {{"CORS_ORIGINS", "[http://a]"}}}), "CORS_ORIGINS"));
}

TEST_CASE("the settings of the public door are checked, each with its reason") {
  folder at;
  auto ca = make_cluster_ca("CA");
  auto one = make_cluster_certificate(ca, "a", {"a.example"}), two = make_cluster_certificate(ca, "b", {"b.example"});
  auto cert = at.write("cert", one.certificate), key = at.write("key", one.key), other = at.write("other", two.key);
  auto tls = [](const std::string& c, const std::string& k) {
    return refusal(sources{{{"tls-cert", c}, {"tls-key", k}}, {}});
  };
  CHECK(tls(cert, key) == "accepted");
  CHECK(has(tls(cert, other), "is not the key of"));
  CHECK(has(refusal("tls-cert", cert), "go together"));
  CHECK(has(refusal("tls-key", key), "go together"));
  CHECK(refusal("cors-origin", "https://a.example:8443") == "accepted");
  CHECK(refusal("cors-origin", "*") == "accepted");
  CHECK(has(refusal("cors-origin", "a.example"), "is not http(s)://HOST[:PORT]"));
  CHECK(has(refusal(sources{{{"cors-origin", "*"}, {"cors-credentials", "true"}}, {}}), "name the origins"));
  CHECK(refusal("trusted-host", "*.example.org") == "accepted");
  CHECK(has(refusal("trusted-host", "a.*.org"), "is no host name"));
  CHECK(refusal("trusted-proxy", "fd00::/8") == "accepted");
  CHECK(has(refusal("trusted-proxy", "10.0.0.0/40"), "is no address and no range"));
  CHECK(has(refusal("outbound-allow", "private"), "is no address and no range"));
  CHECK(refusal("webhook-retry", "1s,2m") == "accepted");
  CHECK(has(refusal("webhook-retry", "often"), "is not a list like 5s,30s,2m,1h"));
}
