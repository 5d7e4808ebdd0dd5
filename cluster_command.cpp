// troupe cluster init | cert: the cluster's own CA, and certificates for its gateways and nodes.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "commands.hpp"
#include "config/certificates.hpp"

namespace troupe {

namespace {

namespace fs = std::filesystem;

std::string read_text(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// Never over a file that is there, also when two do it at once.
void write_new(const std::string& path, const std::string& text, mode_t mode) {
  auto fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) throw std::runtime_error{"cannot make " + path + (errno == EEXIST ? ": it is there already" : "")};
  auto written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  ::close(fd);
  if (!written) throw std::runtime_error{"cannot write " + path};
}

struct place_of_pair {
  std::string certificate, key;
  place_of_pair(const std::string& folder, const std::string& name)
      : certificate{folder + "/" + name + ".pem"}, key{folder + "/" + name + "-key.pem"} {}
  void refuse_if_there() const {
    for (auto& path : {certificate, key})
      if (fs::exists(path)) throw config_error{"--out: " + path + " is there already, and nothing is overwritten"};
  }
  void write(const pem_pair& made) const {
    write_new(key, made.key, 0600);
    write_new(certificate, made.certificate, 0644);
    std::cout << certificate << '\n' << key << '\n';
  }
};

void check(const cluster_wish& wish) {
  if (wish.folder.empty()) throw config_error{"--out: \"\" is not a folder's name"};
  for (auto& x : wish.hosts)
    if (!is_host_name(x)) throw config_error{"--host: \"" + x + "\" is neither a host's name nor an IP address"};
  if (wish.verb == "init") return;
  auto good = !wish.name.empty() && wish.name.size() <= 64 && is_host_name(wish.name) && wish.name != "ca";
  if (!good) throw config_error{"--name: \"" + wish.name + "\" is not a name of letters, digits, - and ."};
}

void init(const cluster_wish& wish) {
  place_of_pair ca{wish.folder, "ca"}, gateway{wish.folder, "gateway"}, node{wish.folder, "node"};
  for (auto* x : {&ca, &gateway, &node}) x->refuse_if_there();
  if (fs::create_directories(wish.folder)) fs::permissions(wish.folder, fs::perms::owner_all);
  auto made = make_cluster_ca("troupe cluster CA");
  auto hosts = wish.hosts;
  for (auto* always : {"localhost", "127.0.0.1", "::1"})
    if (std::find(hosts.begin(), hosts.end(), always) == hosts.end()) hosts.emplace_back(always);
  ca.write(made);
  gateway.write(make_cluster_certificate(made, "gateway", hosts));
  node.write(make_cluster_certificate(made, "node", {}));
}

void certify(const cluster_wish& wish) {
  place_of_pair ca{wish.folder, "ca"}, own{wish.folder, wish.name};
  for (auto& path : {ca.certificate, ca.key})
    if (!fs::exists(path)) throw config_error{"--out: " + path + " is not there: `troupe cluster init` makes it"};
  own.refuse_if_there();
  own.write(make_cluster_certificate({read_text(ca.certificate), read_text(ca.key)}, wish.name, wish.hosts));
}

}  // namespace

int cluster_command(const cluster_wish& wish) {
  check(wish);
  wish.verb == "init" ? init(wish) : certify(wish);
  return 0;
}

}  // namespace troupe
