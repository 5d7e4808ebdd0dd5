// simulate [--seed N] [--steps N] [--postgres]: random lives of money and jobs against a naive twin.
#include <random>

#include "tests/simulate/run.hpp"

int main(int, char** argv) {
  std::random_device any;
  return simulate::run(simulate::read_options(argv, {any(), 1'000'000, false}));
}
