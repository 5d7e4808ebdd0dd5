// Precompiled once for the room.
#pragma once

#include <nlohmann/json.hpp>

#include "actors/house.hpp"
