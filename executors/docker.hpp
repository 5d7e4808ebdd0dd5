// Containers of this node, by the engine that answers here.
#pragma once

#include "executors/attempt.hpp"

namespace troupe {

run_report run_docker(const attempt_context&, const docker_params&);

/// Removes the containers that an earlier life of this node left; how many there were.
int remove_leftover_containers(const std::string& socket, const std::string& work_root);

}  // namespace troupe
