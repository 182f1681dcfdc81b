import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { notRoot, temporaryCtr } from "./ctr.ts";

describe.skipIf(notRoot)("options of ctr run (needs root)", () => {
  const ctr = temporaryCtr();
  const directory = notRoot ? "" : mkdtempSync(join(tmpdir(), "ctr-cli-options-"));
  beforeAll(() => {
    writeFileSync(join(directory, "env"), "# a comment\n\nFROM_FILE=1\nTWO=a=b c\r\nHERE\nNOT_HERE\n");
    writeFileSync(
      join(directory, "profile.json"),
      JSON.stringify({
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 }],
      }),
    );
    mkdirSync(join(directory, "bind"));
    writeFileSync(join(directory, "bind/file"), "from the host\n");
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  // One row: flags, a script, and what it then prints, with its standard error behind.
  const rows = [
    {
      flags: ["-e", "A=1", "--env", "B=two words"],
      script: 'echo "$A-$B"',
      is: "1-two words\n",
      why: "values as they are",
    },
    {
      flags: ["-e", "HERE", "-e", "NOT_HERE"],
      script: 'echo "$HERE"; env | grep -c NOT_HERE',
      is: "value of here\n0\n",
      why: "a bare name takes its value from here",
    },
    {
      flags: ["--env-file", "env", "-e", "FROM_FILE=2"],
      script: 'echo "$FROM_FILE $TWO $HERE"; env | grep -c NOT_HERE',
      is: "2 a=b c value of here\n0\n",
      why: "-e wins over the file",
    },
    {
      flags: [],
      script: 'echo "$HOME $HOSTNAME" | sed "s/[0-9a-f]\\{12\\}$/id/"',
      is: "/root id\n",
      why: "Docker's own variables",
    },
    { flags: ["-w", "/tmp"], script: "pwd", is: "/tmp\n", why: "a directory that is there" },
    { flags: ["-w", "/made/for/it"], script: "pwd", is: "/made/for/it\n", why: "one that is made" },
    {
      flags: ["-u", "nobody"],
      script: "id -u; id -g; echo $HOME",
      is: "65534\n65534\n/nonexistent\n",
      why: "by the image's own passwd",
    },
    {
      flags: ["-u", "1234"],
      script: "id -u; id -g; echo $HOME",
      is: "1234\n0\n/\n",
      why: "an id that nobody has: group 0",
    },
    { flags: ["-u", "1234:4321"], script: "id -u; id -g", is: "1234\n4321\n", why: "user and group by id" },
    { flags: ["-u", "root:nobody"], script: "id -u; id -g", is: "0\n65534\n", why: "user and group by name" },
    { flags: ["-u", "1234", "--group-add", "77"], script: "id -G", is: "0 77\n", why: "one more group" },
    {
      flags: ["-u", "1234"],
      script: "grep -E 'Cap(Eff|Prm|Amb)' /proc/self/status | cut -f2 | sort -u",
      is: "0000000000000000\n",
      why: "no capabilities for those who are not root",
    },
    {
      flags: ["-h", "inside"],
      script: "hostname; cat /etc/hostname; echo $HOSTNAME",
      is: "inside\ninside\ninside\n",
      why: "by its call, file and variable",
    },
    {
      flags: ["--domainname", "example.org"],
      script: "cat /proc/sys/kernel/domainname",
      is: "example.org\n",
      why: "uname's domain",
    },
    {
      flags: ["--read-only"],
      script: "touch /x; touch /tmp/x; touch /dev/shm/ok && echo writable",
      is: "writable\ntouch: /x: Read-only file system\ntouch: /tmp/x: Read-only file system\n",
      why: "the root, not /dev/shm",
    },
    {
      flags: ["--read-only", "--tmpfs", "/tmp:size=1m"],
      script: "touch /tmp/x && df -k /tmp | awk 'END { print $2 }'",
      is: "1024\n",
      why: "a tmpfs of that size",
    },
    {
      flags: ["--tmpfs", "/run/new"],
      script: "grep ' /run/new ' /proc/mounts | cut -d' ' -f3,4 | cut -d, -f1-4",
      is: "tmpfs rw,nosuid,nodev,noexec\n",
      why: "Docker's defaults; the directory is made",
    },
    { flags: ["-v", "./bind:/x"], script: "cat /x/file; echo new > /x/new", is: "from the host\n", why: "a bind" },
    {
      flags: ["-v", "./bind:/x:ro"],
      script: "cat /x/file; echo new > /x/new",
      is: /^from the host\n.*Read-only file system\n$/,
      why: "a bind that is read-only",
    },
    {
      flags: ["-v", "./bind/file:/etc/motd"],
      script: "cat /etc/motd",
      is: "from the host\n",
      why: "a file onto a file that is not there yet",
    },
    {
      flags: ["--cap-drop", "ALL"],
      script: "grep CapBnd /proc/self/status | cut -f2; chown 1 /tmp",
      is: "0000000000000000\nchown: /tmp: Operation not permitted\n",
      why: "none",
    },
    {
      flags: ["--cap-drop", "ALL", "--cap-add", "CHOWN"],
      script: "grep CapEff /proc/self/status | cut -f2; chown 1 /tmp",
      is: "0000000000000001\n",
      why: "one",
    },
    {
      flags: ["--cap-add", "cap_sys_admin"],
      script: "mount -t tmpfs none /tmp && echo mounted",
      is: "mounted\n",
      why: "with it seccomp lets mount pass, too",
    },
    {
      flags: [],
      script: "mount -t tmpfs none /tmp; unshare -m true; mknod /tmp/sda b 8 0 && cat /tmp/sda",
      is: /^mount: .*\nunshare: .*\n(mknod|cat): .*Operation not permitted\n$/,
      why: "walls are up by default",
    },
    {
      flags: [],
      script: "grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status | cut -f2 | xargs",
      is: "0 2\n",
      why: "a filter, and no_new_privs on request only",
    },
    {
      flags: ["--security-opt", "no-new-privileges"],
      script: "grep NoNewPrivs /proc/self/status | cut -f2",
      is: "1\n",
      why: "on request",
    },
    {
      flags: ["--security-opt", "seccomp=unconfined"],
      script: "grep -E '^Seccomp:' /proc/self/status | cut -f2",
      is: "0\n",
      why: "no filter",
    },
    {
      flags: ["--security-opt", "seccomp=profile.json"],
      script: "mkdir /tmp/x",
      is: /mkdir: .*No space left on device\n$/,
      why: "a profile's own errno",
    },
    {
      flags: ["--privileged"],
      script:
        "grep -E '^Seccomp:' /proc/self/status | cut -f2; mount -t tmpfs none /tmp && touch /sys/fs/cgroup 2>&1 | grep -v Read-only; [ -c /dev/kmsg ] && echo devices",
      is: "0\ndevices\n",
      why: "no filter, mounts, devices",
    },
    {
      flags: [],
      script: "[ -e /dev/kmsg ]; echo $?; wc -c < /proc/interrupts; echo 1 > /proc/sys/kernel/panic",
      is: /^1\n0\n.*Read-only file system\n$/,
      why: "masked and read-only paths",
    },
    {
      flags: ["--shm-size", "2m"],
      script: "df -k /dev/shm | awk 'END { print $2 }'",
      is: "2048\n",
      why: "size of /dev/shm",
    },
    {
      flags: ["--sysctl", "net.ipv4.ip_unprivileged_port_start=7"],
      script: "cat /proc/sys/net/ipv4/ip_unprivileged_port_start",
      is: "7\n",
      why: "of its own network namespace",
    },
    {
      flags: ["--sysctl", "kernel.msgmax=9000"],
      script: "cat /proc/sys/kernel/msgmax",
      is: "9000\n",
      why: "of its own IPC namespace",
    },
    {
      flags: ["--ulimit", "nofile=100:200", "--ulimit", "core=0"],
      script: "ulimit -Sn; ulimit -Hn; ulimit -c",
      is: "100\n200\n0\n",
      why: "soft and hard",
    },
    {
      flags: ["--time-offset", "boottime=+10d"],
      script: "cut -d. -f1 /proc/uptime | awk '{ print ($1 >= 864000) }'",
      is: "1\n",
      why: "this container has been up for ten days",
    },
    { flags: ["--oom-score-adj", "500"], script: "cat /proc/self/oom_score_adj", is: "500\n", why: "who goes first" },
    {
      flags: ["--init"],
      script: "cat /proc/1/comm; echo $$ | grep -vx 1 | wc -l",
      is: "ctr-init\n1\n",
      why: "PID 1 is ours",
    },
    { flags: ["--network", "none"], script: "ls /sys/class/net", is: "lo\n", why: "nothing but loopback" },
    {
      flags: ["--pid", "host"],
      script: `[ -e /proc/${process.pid} ] && echo seen`,
      is: "seen\n",
      why: "the host's processes",
    },
    {
      flags: ["--uts", "host"],
      script: "hostname",
      is: readFileSync("/proc/sys/kernel/hostname", "utf8"),
      why: "the host's name",
    },
    {
      flags: ["--cgroupns", "host"],
      script: "grep -c ':/ctr/' /proc/self/cgroup | awk '{ print ($1 > 0) }'",
      is: "1\n",
      why: "the real path is seen",
    },
    { flags: ["-l", "a=b"], script: "true", is: "", why: "a label changes nothing inside" },
    {
      flags: ["--add-host", "db:10.1.2.3"],
      script: "grep db /etc/hosts | xargs",
      is: "10.1.2.3 db\n",
      why: "one more line",
    },
    {
      flags: ["--dns", "10.9.9.9"],
      script: "grep nameserver /etc/resolv.conf",
      is: "nameserver 10.9.9.9\n",
      why: "this server alone",
    },
  ] as const;
  for (const { flags, script, is, why } of rows)
    test(`${flags.join(" ")} ${JSON.stringify(script.slice(0, 40))}: ${why}`, async () => {
      const { stdout, stderr } = await ctr.run(flags, script, { cwd: directory, env: { HERE: "value of here" } });
      if (typeof is === "string") expect(stdout + stderr).toBe(is);
      else expect(stdout + stderr).toMatch(is);
    });

  test("-v: what was written is there, as whom it was written", () => {
    expect(readFileSync(join(directory, "bind/new"), "utf8")).toBe("new\n");
  });

  const entrypoints = [
    { flags: ["--entrypoint", "echo"], command: ["a", "b"], is: "a b\n", why: "the command is its arguments" },
    { flags: ["--entrypoint", ""], command: ["echo", "c"], is: "c\n", why: "an empty one is none" },
    {
      flags: [],
      command: ["echo", "-n", "--name", "x"],
      is: "--name x",
      why: "flags behind the image are the program's",
    },
  ] as const;
  for (const { flags, command, is, why } of entrypoints)
    test(`${flags.join(" ")} busybox ${command.join(" ")}: ${why}`, async () => {
      const done = await ctr.call(["run", "--rm", "--network", "none", ...flags, "busybox", ...command]);
      expect(done).toEqual({ status: 0, stdout: is, stderr: "" });
    });

  test("a write goes into the container's own layer, never into the image", async () => {
    await ctr.run([], "echo mine > /etc/passwd; rm /bin/true; mkdir /new");
    expect(await ctr.run([], "head -n 1 /etc/passwd; true && ls -d /new")).toMatchObject({
      stdout: "root:x:0:0:root:/root:/bin/sh\n",
      status: 1,
    });
  });

  test("--explain prints the plan and runs it", async () => {
    const { status, stdout, stderr } = await ctr.run(["--explain", "-h", "explained"], "hostname");
    expect({ status, stdout }).toEqual({ status: 0, stdout: "explained\n" });
    expect(stderr).toMatch(/^ *\d+ {2}hostname explained +hostname: /m);
    expect(stderr).toMatch(/pivot_root: ‹rootfs› becomes \//);
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(/^ *\d+ {2}exec sh /);
  });

  test("--dry-run prints the same plan, and nothing else happens", async () => {
    const { status, stdout, stderr } = await ctr.run(["--dry-run", "-v", `${directory}/bind:/x`], "echo ran > /x/ran");
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toMatch(/bind .*\/bind at ‹rootfs›\/x/);
    expect(() => readFileSync(join(directory, "bind/ran"))).toThrow(/ENOENT/);
    expect(await ctr.traces.left()).toEqual([]);
  });

  test("--timing says what each step took", async () => {
    const { status, stdout, stderr } = await ctr.run(["--timing"], "echo out");
    expect({ status, stdout }).toEqual({ status: 0, stdout: "out\n" });
    expect(stderr).toMatch(/^ +\d+\.\d{3} ms {2}mount overlay/m);
    expect(stderr).toMatch(/^ +\d+\.\d{3} ms {2}all steps$/m);
  });

  test("-t: a terminal even where we have none, so a line feed is two bytes", async () => {
    expect((await ctr.run(["-t"], "tty; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all")).stdout).toBe(
      "/dev/pts/0\r\nall\r\n",
    );
  });

  test("after all of it nothing is left", async () => {
    expect(await ctr.traces.left()).toEqual([]);
  });
});
