// Precompiled once for the room: CAF is what its files spend their build time on.
#pragma once

#include <caf/all.hpp>
