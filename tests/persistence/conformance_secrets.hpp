// What every engine must do about sealed secrets.
#pragma once

#include "persistence/secrets.hpp"
#include "tests/persistence/desk.hpp"

namespace troupe::lives {

inline const std::string old_key(64, 'a'), new_key(64, 'b');

TEST_CASE_TEMPLATE("a secret that all share is what the first one said, and is not in the database as it is", E,
                   STORE_ENGINES) {
  desk<E> d;
  vault v{{old_key}};
  CHECK(shared_secret(*d.db, v, "jwt", "open sesame") == "open sesame");
  CHECK(shared_secret(*d.db, v, "jwt", "another") == "open sesame");
  CHECK(d.engine.dump().find("sesame") == std::string::npos);
  CHECK_THROWS_AS(shared_secret(*d.db, vault{{new_key}}, "jwt", "another"), store_unavailable);
}

TEST_CASE_TEMPLATE("a secret that an older version left in the clear is sealed", E, STORE_ENGINES) {
  desk<E> d;
  vault v{{old_key}};
  d.engine.edit("INSERT INTO cluster_secrets(name,value) VALUES('jwt','open sesame')");
  CHECK(shared_secret(*d.db, v, "jwt", "another") == "open sesame");
  CHECK(d.engine.dump().find("sesame") == std::string::npos);
  CHECK(shared_secret(*d.db, v, "jwt", "another") == "open sesame");
}

TEST_CASE_TEMPLATE("a server with another key is refused, one that has the old key beside is not", E, STORE_ENGINES) {
  desk<E> d;
  CHECK_NOTHROW(check_vault(*d.db, vault{{old_key}}));
  CHECK_NOTHROW(check_vault(*d.db, vault{{old_key}}));
  CHECK_THROWS_AS(check_vault(*d.db, vault{{new_key}}), store_unavailable);
  CHECK_NOTHROW(check_vault(*d.db, vault{{new_key, old_key}}));
}

TEST_CASE_TEMPLATE("after a change of keys nothing needs the old one", E, STORE_ENGINES) {
  desk<E> d;
  vault before{{old_key}}, both{{new_key, old_key}}, after{{new_key}};
  check_vault(*d.db, before);
  for (int i = 0; i < 450; ++i) shared_secret(*d.db, before, "s" + std::to_string(i), "text " + std::to_string(i));
  CHECK_THROWS_AS(reseal(*d.db, after), store_unavailable);  // what it cannot open stays
  CHECK(reseal(*d.db, both) == 451);
  CHECK(reseal(*d.db, both) == 0);
  CHECK_NOTHROW(check_vault(*d.db, after));
  for (int i = 0; i < 450; i += 50)
    CHECK(shared_secret(*d.db, after, "s" + std::to_string(i), "") == "text " + std::to_string(i));
  CHECK_THROWS_AS(check_vault(*d.db, before), store_unavailable);
}

TEST_CASE_TEMPLATE("a change of keys that was killed goes on where it was", E, STORE_ENGINES) {
  desk<E> d;
  vault before{{old_key}}, both{{new_key, old_key}};
  for (int i = 0; i < 300; ++i) shared_secret(*d.db, before, "s" + std::to_string(1000 + i), "text");
  auto good = "SELECT value FROM cluster_secrets WHERE name='s1299'";
  d.engine.edit("UPDATE cluster_secrets SET value='v1.00000000.AAAA' WHERE name='s1250'");  // stops it on its way
  CHECK_THROWS_AS(reseal(*d.db, both), store_unavailable);
  d.engine.edit(std::string{"UPDATE cluster_secrets SET value=("} + good + ") WHERE name='s1250'");
  CHECK_THROWS_AS(reseal(*d.db, both), store_unavailable);  // a secret of another name does not open here
  d.engine.edit("DELETE FROM cluster_secrets WHERE name='s1250'");
  CHECK(reseal(*d.db, both) == 99);  // the first 200 are done
  CHECK(shared_secret(*d.db, vault{{new_key}}, "s1000", "") == "text");
}

}  // namespace troupe::lives
