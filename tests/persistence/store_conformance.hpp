// The suite that every engine passes. An engine joins with two lines in its own test file:
//   #define STORE_ENGINES my_engine
//   #include "tests/persistence/store_conformance.hpp"
#pragma once

#include "tests/persistence/conformance_audit.hpp"
#include "tests/persistence/conformance_fleet.hpp"
#include "tests/persistence/conformance_jobs.hpp"
#include "tests/persistence/conformance_keys.hpp"
#include "tests/persistence/conformance_logs.hpp"
#include "tests/persistence/conformance_money.hpp"
#include "tests/persistence/conformance_people.hpp"
#include "tests/persistence/conformance_rental.hpp"
#include "tests/persistence/conformance_secrets.hpp"
#include "tests/persistence/conformance_sessions.hpp"
#include "tests/persistence/conformance_sign_in.hpp"
#include "tests/persistence/conformance_waiting.hpp"
#include "tests/persistence/conformance_wallet.hpp"
#include "tests/persistence/conformance_webhooks.hpp"
