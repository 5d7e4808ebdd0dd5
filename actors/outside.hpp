// What may be asked of servers outside, inside a `do_work` for `errands`: it waits.
#pragma once

#include "executors/fetch.hpp"         // IWYU pragma: export
#include "executors/mail.hpp"          // IWYU pragma: export
#include "executors/webhook_call.hpp"  // IWYU pragma: export
