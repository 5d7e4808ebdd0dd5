// Precompiled once for the room: CAF and the interfaces are what its files spend their build time on.
#pragma once

#include "actors/house.hpp"
