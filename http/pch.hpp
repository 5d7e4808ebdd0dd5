// Precompiled once for the room.
#pragma once

#include <caf/all.hpp>
#include <nlohmann/json.hpp>
