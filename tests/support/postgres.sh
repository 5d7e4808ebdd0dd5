#!/usr/bin/env bash
# A throw-away PostgreSQL cluster for tests: postgres.sh start|stop FOLDER [SETTING=VALUE...]. Its socket is in FOLDER,
# it listens on no port. Runs as user postgres when we are root, for PostgreSQL refuses root.
set -euo pipefail
verb=$1 folder=$2
shift 2
programs=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)

as_postgres() {
  if ((EUID == 0)); then
    (cd / && runuser -u postgres -- "$@")
  else
    "$@"
  fi
}

stop() {
  if [[ -f $folder/data/postmaster.pid ]]; then
    as_postgres "$programs/pg_ctl" -D "$folder/data" -m immediate -w stop >/dev/null || true
  fi
}

case $verb in
  start)
    stop
    rm -rf "$folder"
    mkdir -p "$folder"
    if ((EUID == 0)); then chown postgres: "$folder"; fi
    as_postgres "$programs/initdb" -D "$folder/data" -U postgres -E UTF8 --locale=C.UTF-8 -A trust --no-sync >/dev/null
    {
      echo "listen_addresses = ''"
      echo "unix_socket_directories = '$folder'"
      echo "max_connections = 100"
      for setting in "$@"; do echo "${setting%%=*} = ${setting#*=}"; done
    } | as_postgres tee -a "$folder/data/postgresql.conf" >/dev/null
    as_postgres "$programs/pg_ctl" -D "$folder/data" -l "$folder/log" -w -t 60 start >/dev/null
    ;;
  again) as_postgres "$programs/pg_ctl" -D "$folder/data" -l "$folder/log" -w -t 60 start >/dev/null ;;
  down) stop ;;
  stop)
    stop
    rm -rf "$folder"
    ;;
  *)
    echo "postgres.sh: start, again, down or stop, not $verb" >&2
    exit 2
    ;;
esac
