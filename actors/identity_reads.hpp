// For routes that read about people and their credentials through `ask_store`.
#pragma once

#include "persistence/identity_reader.hpp"
