// The cluster's certificates: a CA of its own, what it signs for gateways and nodes, and what is wrong with given ones.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// A certificate and its key, as PEM text.
struct pem_pair {
  std::string certificate, key;
};

/// A new CA, good for 10 years. It may sign certificates, but no further CA.
pem_pair make_cluster_ca(const std::string& name);

/// Signed by `ca`, good for a year. With hosts it may be called by these names (a gateway), without it may only call
/// (a node): a stolen certificate of a node cannot pose as a gateway. Throws std::runtime_error when `ca` is no CA.
pem_pair make_cluster_certificate(const pem_pair& ca, const std::string& name, const std::vector<std::string>& hosts);

/// A name of DNS or an IP address, without port.
bool is_host_name(std::string_view);

/// Why these files are no certificate and its key, empty when they are. Time does not count.
std::string pair_problem(const std::string& certificate_path, const std::string& key_path);

/// Why these files cannot serve for mutual TLS, empty when they can. Time does not count.
std::string certificate_problem(const std::string& certificate_path, const std::string& key_path,
                                const std::string& ca_path);

/// When the first certificate in the file ends, in Unix milliseconds. Nothing when it cannot be read.
std::optional<int64_t> certificate_ends_ms(const std::string& path);

}  // namespace troupe
