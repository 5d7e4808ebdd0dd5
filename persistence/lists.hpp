// Short lists in one text column, as netstrings ("3:abc,"): any byte may occur in them, order is kept.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/devices.hpp"
#include "model/job.hpp"

namespace troupe::sql {

std::string pack(const std::vector<std::string>&);
std::string pack(const std::vector<label>&);
std::string pack(const std::vector<artifact>&);
std::string pack(const std::vector<gpu_device>&);
std::string pack(const node_metrics&);
std::string pack(const job_rare&);  // empty when nothing in it is set

/// REQUIRES: made by `pack`; anything else throws store_unavailable, for the file was damaged.
void unpack(std::string_view, std::vector<std::string>&);
void unpack(std::string_view, std::vector<label>&);
void unpack(std::string_view, std::vector<artifact>&);
void unpack(std::string_view, std::vector<gpu_device>&);
void unpack(std::string_view, node_metrics&);
void unpack(std::string_view, job_rare&);

}  // namespace troupe::sql
