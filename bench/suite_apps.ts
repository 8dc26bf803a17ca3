// What users run: tools, compilers, servers.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { amount, app } from "./app.ts";
import { LANGUAGES } from "./apps_languages.ts";
import { fasterThanRunsc, timesRunsc } from "./goals.ts";
import { redis } from "./redis.ts";
import type { Subject, Suite } from "./subject.ts";
import type { Workplace } from "./workplace.ts";

const HOUR_S = 3600;

/** A work tree with everything committed, whose files are older than the index: git has no doubts about them. */
function gitTree(place: Workplace): string {
  return place.directory("tree", (tree) => {
    const size = place.effort.quick ? 5 : 100;
    const then = Date.now() / 1000 - HOUR_S;
    for (let i = 0; i < size; i++) {
      mkdirSync(join(tree, `directory-${i}`));
      for (let k = 0; k < size; k++) {
        const file = join(tree, `directory-${i}`, `file-${k}`);
        writeFileSync(file, `${i} ${k}\n`);
        utimesSync(file, then, then);
      }
    }
    const settings = [
      "-c",
      "user.name=bench",
      "-c",
      "user.email=bench@localhost",
      "-c",
      "commit.gpgsign=false",
    ];
    const git = (...words: string[]) =>
      execFileSync("git", [...settings, "-C", tree, ...words], { stdio: "ignore" });
    git("init", "-q");
    git("add", ".");
    git("commit", "-q", "-m", "all");
  });
}

const FUNCTIONS = 20;

/** A project of as many C files as a library has, which a Makefile compiles into the directory OUT. */
function cProject(place: Workplace): string {
  return place.directory("project", (project) => {
    const files = place.effort.quick ? 2 : 60;
    const includes = ["stdio", "stdlib", "string", "errno", "unistd"].map((name) => `#include <${name}.h>\n`);
    const names = Array.from({ length: files }, (_, i) => `part_${i}`);
    const all = names.map((name) => `int ${name}(const char *text);\n`).join("");
    writeFileSync(join(project, "parts.h"), `${includes.join("")}${all}`);
    for (const [i, name] of names.entries()) {
      const functions = Array.from({ length: FUNCTIONS }, (_, k) => {
        const body = `char copy[64]; snprintf(copy, sizeof copy, "%s %d", text, ${k});`;
        return `static int f${k}(const char *text) { ${body} return (int)strlen(copy) * ${i + k + 1}; }\n`;
      });
      const sum = Array.from({ length: FUNCTIONS }, (_, k) => `f${k}(text)`).join(" + ");
      const text = `#include "parts.h"\n${functions.join("")}int ${name}(const char *text) { return ${sum}; }\n`;
      writeFileSync(join(project, `${name}.c`), text);
    }
    const calls = names.map((name) => `${name}(argv[0])`).join(" + ");
    writeFileSync(
      join(project, "main.c"),
      `#include "parts.h"\nint main(int argc, char **argv) { return argc > 1 ? ${calls} : 0; }\n`,
    );
    writeFileSync(
      join(project, "Makefile"),
      "objects := $(patsubst %.c,$(OUT)/%.o,$(wildcard *.c))\n" +
        "$(OUT)/program: $(objects)\n\tcc -o $@ $^\n" +
        "$(OUT)/%.o: %.c parts.h\n\tcc -O1 -c -o $@ $<\n",
    );
  });
}

const POSTGRESQL = "/usr/lib/postgresql";
const PG_USER = 101;

/** Without fsync: in a sandbox there is no disk below, and the disk is not what is compared. */
const PGBENCH = `
export PATH=$2:$PATH
export PGHOST=$(mktemp -d); cd $PGHOST
export PGDATA=$PGHOST/data PGUSER=admin PGDATABASE=postgres
initdb -A trust -U admin --no-sync > log
cat >> data/postgresql.conf <<END
listen_addresses = ''
unix_socket_directories = '$PGHOST'
fsync = off
END
pg_ctl -l log -w start > /dev/null
pgbench -q -i > log 2>&1
pgbench -n -c 4 -j 2 -t $3 2>> log | awk '$1 == "tps" { printf "pgbench %.0f\\n", 1e9 / $3 }'
pg_ctl -m fast -w stop > /dev/null
cd /; rm -r $PGHOST
`;

function pgbench(): Subject {
  const version = existsSync(POSTGRESQL) ? readdirSync(POSTGRESQL).sort().at(-1)! : "none";
  const programs = join(POSTGRESQL, version, "bin");
  // It refuses root.
  const user = `setpriv --reuid=${PG_USER} --regid=${PG_USER} --clear-groups`;
  const asUser = process.getuid!() === 0 ? user : "";
  return app({
    row: { name: "pgbench", label: "pgbench, unix socket, a transaction", goals: [fasterThanRunsc(1.5)] },
    needs: [
      [join(programs, "initdb"), "postgresql"],
      ["setpriv", "util-linux"],
    ],
    script: `script=$(cat <<'SCRIPT'\nset -e${PGBENCH}\nSCRIPT\n)\n${asUser} bash -c "$script" bash "$@"`,
    arguments: (place) => [programs, ...amount(500, 5)(place)],
  });
}

export const APPS: Suite = {
  name: "apps",
  describe: "other people's programs that are installed",
  subjects: [
    app({
      row: { name: "find_usr", label: "`find /usr -name '*.py'`", goals: [fasterThanRunsc(1.5)] },
      needs: [["find", "findutils"]],
      script: `$1 find_usr find $2 -type f -name '*.py'`,
      arguments: ({ effort }) => [effort.quick ? "/usr/include" : "/usr"],
    }),
    app({
      row: { name: "python", label: "`python3 -c pass`, 5 times", goals: [fasterThanRunsc(1.5)] },
      needs: [["/usr/bin/python3", "python3"]],
      script: `$1 python bash -c 'for i in $(seq '$2'); do /usr/bin/python3 -c pass; done'`,
      arguments: amount(5, 1),
    }),
    app({
      row: { name: "git_status", label: "`git status`, 10 000 files, again", goals: [fasterThanRunsc(1.5)] },
      needs: [["git", "git"]],
      // The first look takes note of the inode numbers of this sandbox.
      script: `status() { "$@" git -c safe.directory='*' -C $tree status --porcelain; }
        tree=$2; status env; status $1 git_status`,
      arguments: (place) => [gitTree(place)],
    }),
    app({
      row: { name: "git_clone", label: "`git clone` of 10 000 files" },
      needs: [["git", "git"]],
      script: `out=$(mktemp -d)
        $1 git_clone git -c safe.directory='*' clone -q file://$2 $out/clone; rm -r $out`,
      arguments: (place) => [gitTree(place)],
    }),
    app({
      row: { name: "make", label: "`make -j2`, 61 C files", goals: [fasterThanRunsc(1.5)] },
      needs: [
        ["make", "make"],
        ["cc", "gcc"],
      ],
      script: `out=$(mktemp -d); $1 make make -s -j2 -C $2 OUT=$out; $out/program; rm -r $out`,
      arguments: (place) => [cProject(place)],
    }),
    ...LANGUAGES,
    redis(
      "redis",
      "redis GET, unix socket, 10 clients",
      "--port 0 --unixsocket $directory/socket",
      "-s $directory/socket",
    ),
    pgbench(),
    app({
      row: { name: "pipe_gib", label: "1 GiB, `dd bs=64k` into `cat`", goals: [timesRunsc(1)] },
      needs: [["dd", "coreutils"]],
      script: `$1 pipe_gib bash -c 'dd if=/dev/zero bs=64k count='$2' 2>/dev/null | cat'`,
      arguments: amount(16_384, 16),
    }),
  ],
};
