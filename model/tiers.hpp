// Which words name a tier.
#pragma once

#include <string_view>

namespace troupe {

/// free, standard, basic, pro, premium, enterprise, unlimited; or one of a profile, such as "sprint/pro".
bool known_tier(std::string_view);

}  // namespace troupe
